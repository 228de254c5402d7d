"""Numbers as people read them."""

import math

import pytest

from reports.analysis.options import Options
from reports.analysis.words import (
    effect_text,
    interval_words,
    metric_header,
    number,
    p_text,
    reading,
    show,
    significant_digits,
    span,
    with_bounds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(1234.567), "1,234.57"),
        (number(-0.004), "0.00"),
        (number(-0.5, 1, signed=True), "−0.5"),
        (number(0.5, 1, signed=True), "+0.5"),
        (number(0.0, 1, signed=True), "0.0"),
        (number(math.nan), "–"),
        (significant_digits(0.0123456), "0.0123"),
        (significant_digits(1234.5), "1,234"),
        (significant_digits(1e-5), "1.00e−5"),
        (significant_digits(-2.5e9), "−2.50e9"),
        (p_text(0.0004), "< 0.001"),
        (p_text(0.25), "0.250"),
        (span([8, 8]), "8"),
        (span([8, 6]), "6 to 8"),
    ],
)
def test_numbers(text, expected):
    assert text == expected


PERCENT, LOSS = Options(), Options(metric="test/loss")


def test_differences_have_their_sign_and_their_unit():
    assert with_bounds(-0.0321, -0.041, -0.0232, PERCENT) == "−3.21 points [−4.10, −2.32]"
    assert with_bounds(0.5, math.nan, math.nan, PERCENT) == "+50.00 points"
    assert show(0.0123456, LOSS, signed=True) == "+0.0123"


def test_effects_beyond_ten_are_not_told_apart():
    assert [effect_text(effect) for effect in (1.234, 12.0, -12.0)] == ["1.23", "> 10", "< −10"]


def test_the_metric_and_its_reading_in_words():
    assert (metric_header(PERCENT), metric_header(LOSS)) == ("test accuracy (%)", "test loss")
    assert reading(PERCENT) == "of the last epoch's weights"
    assert reading(Options(at="best")) == "of the weights of the best validation epoch"
    assert reading(Options(metric="energy_nj")) == "of the finished replicates"
    words = "95 % confidence interval (Student's t over repeats)"
    assert interval_words(Options(repeats=3)) == words

"""Old folders do not say what their data are; what is known of them is what the datasets say."""

import math

import pytest

from eisnn.config.datasets import DATASETS
from reports.analysis.chance import chance_of, classes_of
from reports.analysis.chance import test_images_of as images_of


def test_every_dataset_is_known():
    for name, published in DATASETS.items():
        plan = {"data": {"name": name}}
        assert (classes_of(plan), images_of(plan)) == (published.classes, published.test_images)


def test_the_plan_goes_before_the_dataset():
    old = {"data": {"name": "digits", "test_size": None}}
    assert (classes_of(old), images_of(old)) == (10, 359)
    assert (classes_of({**old, "classes": 5}), images_of({**old, "test_images": 50})) == (5, 50)
    assert images_of({"data": {"name": "mnist", "test_size": 500}}) == 500
    assert (classes_of({"data": {"name": "own"}}), images_of({})) == (None, None)


def test_what_guessing_gets():
    assert chance_of("test/accuracy", 10) == 0.1
    assert chance_of("test/loss", 10) == pytest.approx(math.log(10))
    assert chance_of("firing_rate", 10) is None
    assert chance_of("test/accuracy", None) is None

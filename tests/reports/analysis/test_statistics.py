"""Numbers that a hand and a table of t can check."""

import math

import numpy as np
import pytest
from scipy import stats

from reports.analysis import statistics as st


def test_student_interval():
    low, high = st.interval([1.0, 2.0, 3.0])  # mean 2, sd 1, t(2, 0.975) = 4.3027
    assert low == pytest.approx(2 - 4.302653 / math.sqrt(3), abs=1e-5)
    assert high == pytest.approx(2 + 4.302653 / math.sqrt(3), abs=1e-5)


def test_confidence_changes_the_width():
    low, high = st.interval([1.0, 2.0, 3.0], confidence=0.9)  # t(2, 0.95) = 2.9200
    assert high - low == pytest.approx(2 * 2.919986 / math.sqrt(3), abs=1e-5)


def test_no_interval_from_one_value_or_from_equal_ones():
    assert all(map(math.isnan, st.interval([0.5])))
    assert all(map(math.isnan, st.interval([])))
    assert all(map(math.isnan, st.interval([0.95, 0.95, 0.95])))


def test_the_bootstrap_interval_lies_within_the_data():
    low, high = st.interval([1.0, 2.0, 3.0, 4.0, 5.0], method="bootstrap")
    assert 1 < low < 3 < high < 5
    assert (low, high) == st.interval([1.0, 2.0, 3.0, 4.0, 5.0], method="bootstrap")  # seeded


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_the_smallest_p_is_reached_when_all_differences_have_one_sign(n):
    assert (
        st.sign_flip_p(np.arange(1, n + 1) / 100)
        == pytest.approx(2.0 ** (1 - n))
        == pytest.approx(st.smallest_p(n))
    )


def test_sign_flip_counted_by_hand():
    # 1 + 2 - 3 = 0: every pattern is at least as far from 0
    assert st.sign_flip_p([1.0, 2.0, -3.0]) == 1.0
    # |sum| of (1, 2, 4) with signs: 7, 5, 3, 1, 1, 3, 5, 7; observed 5 (-1, 2, 4): 4 of 8
    assert st.sign_flip_p([-1.0, 2.0, 4.0]) == pytest.approx(0.5)


def test_rounding_does_not_break_ties():
    d = np.array(
        [0.3 - 0.2, 0.8 - 0.7, 0.1 - 0.0]
    )  # three times 0.1, each off by another rounding error
    assert st.sign_flip_p(d) == pytest.approx(0.25)
    assert st.sign_flip_p([0.0, 0.0, 0.0]) == 1.0
    assert math.isnan(st.sign_flip_p([]))


def test_many_seeds_are_sampled():
    assert st.sign_flip_p(np.full(30, 0.01) + np.arange(30) * 1e-4) == pytest.approx(
        1e-4
    )  # only the observed pattern of 10,000


@pytest.mark.parametrize("n", [2, 5, 9])
def test_sign_flip_equals_scipys_permutation_test(n):
    d = np.random.default_rng(n).normal(0.5, 1, n)
    found = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert st.sign_flip_p(d) == pytest.approx(found.pvalue)


def test_holm_by_hand():
    assert st.corrected([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert st.corrected([0.6, 0.7]) == [1.0, 1.0]


def test_a_missing_test_is_no_member_of_the_family():
    adjusted = st.corrected([0.01, math.nan, 0.02])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.02)


def test_other_corrections():
    assert st.corrected([0.01, 0.04], "none") == [0.01, 0.04]
    assert st.corrected([0.01, 0.6], "bonferroni") == pytest.approx([0.02, 1.0])


def test_what_a_number_of_seeds_can_show():
    assert st.can_be_significant([3], 0.05) == [False]
    assert st.can_be_significant([5], 0.05) == [False]  # 0.0625
    assert st.can_be_significant([6], 0.05) == [True]  # 0.03125
    assert st.can_be_significant([8] * 6, 0.05) == [True] * 6  # 6 / 128 = 0.0469
    assert st.can_be_significant([8] * 7, 0.05) == [False] * 7
    assert st.can_be_significant([0, 6], 0.05) == [False, True]
    assert st.seeds_needed(1, 0.05) == 6
    assert st.seeds_needed(6, 0.05) == 8
    assert st.seeds_needed(15, 0.05) == 10


def test_effect_size_by_hand():
    # mean 2, sd 1, d_z = 2, correction 1 - 3 / (4 * 2 - 1) = 4 / 7
    assert st.effect_size([1.0, 2.0, 3.0]) == pytest.approx(8 / 7)
    assert math.isnan(st.effect_size([1.0, 1.0, 1.0]))
    assert math.isnan(st.effect_size([1.0, 2.0]))


@pytest.mark.parametrize(
    ("mean", "n", "p", "possible", "words"),
    [
        (0.01, 8, 0.01, True, "better"),
        (-0.01, 8, 0.01, True, "worse"),
        (0.01, 8, 0.2, True, "not distinguishable with 8 seeds"),
        (0.01, 3, 0.25, False, "cannot be significant with 3 seeds"),
        (0.01, 1, 1.0, False, "cannot be significant with 1 seed"),
        (math.nan, 0, math.nan, False, "no paired seeds"),
    ],
)
def test_verdicts(mean, n, p, possible, words):
    assert st.verdict(mean, n, p, possible, 0.05) == words


def test_a_lower_loss_is_better():
    assert st.verdict(-0.1, 8, 0.01, True, 0.05, higher_is_better=False) == "better"

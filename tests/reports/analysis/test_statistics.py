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
    assert st.corrected([0.01, 0.04, 0.03], "holm") == pytest.approx([0.03, 0.06, 0.06])
    assert st.corrected([0.6, 0.7], "holm") == [1.0, 1.0]


def test_a_missing_test_is_no_member_of_the_family_unless_the_plan_names_it():
    adjusted = st.corrected([0.01, math.nan, 0.02], "holm")
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])
    assert adjusted[2] == pytest.approx(0.02)
    assert st.corrected([0.01, math.nan], comparisons=3)[0] == pytest.approx(0.03)
    assert st.corrected([0.01, math.nan, 0.02], "holm", 3)[0] == pytest.approx(0.03)


def test_other_corrections():
    assert st.corrected([0.01, 0.04], "none") == [0.01, 0.04]
    assert st.corrected([0.01, 0.6], "single_step") == pytest.approx([0.02, 1.0])


def test_a_paired_t_test_by_hand():
    test = st.paired([1.0, 2.0, 3.0], 0.05)  # mean 2, sd 1, t = 2 / (1 / sqrt(3)) = 3.4641
    assert (test.n, test.mean, test.sd) == (3, 2.0, 1.0)
    assert test.p == pytest.approx(0.0741799, abs=1e-6)
    assert (test.low, test.high) == pytest.approx(st.interval([1.0, 2.0, 3.0]))
    narrow = st.paired([1.0, 2.0, 3.0], 0.1)
    assert narrow.low == pytest.approx(2 - 2.919986 / math.sqrt(3), abs=1e-5)


def test_the_interval_and_the_p_are_one_statement():
    rng = np.random.default_rng(0)
    for _ in range(50):
        test = st.paired(rng.normal(0.8, 1, 5), 0.01)
        assert (test.low > 0 or test.high < 0) == (test.p < 0.01)


def test_one_image_stands_in_where_seeds_agree():
    test = st.paired([0.02, 0.02, 0.02], 0.05, resolution=0.01)
    assert test.sd == 0.01
    assert test.high - test.mean == pytest.approx(4.302653 * 0.01 / math.sqrt(3), abs=1e-6)
    nothing = st.paired([0.02, 0.02, 0.02], 0.05)  # a loss has no least difference
    assert math.isnan(nothing.p)
    assert math.isnan(nothing.low)
    assert st.paired([0.5], 0.05).n == 1
    assert st.paired([], 0.05).n == 0


def test_how_many_more_units_decide():
    # mean 1, sd 1: t(0.975, k - 1) / sqrt(k) falls below 1 at k = 7:
    # 2.447 / 2.646 = 0.925, and 1.049 at k = 6.
    assert st.units_needed(3, 1.0, 1.0, 0.05, None) == 4
    assert st.units_needed(3, 0.0, 1.0, 0.05, None) is None
    # mean 0, margin 1: the same widths must fit into the margin
    assert st.units_needed(3, 0.0, 1.0, 0.05, 1.0) == 4
    assert st.units_needed(3, math.nan, math.nan, 0.05, None) is None
    assert st.units_needed(3, 9.0, 1.0, 0.05, None, least=6) == 3


def test_joint_sign_flips_by_hand():
    # Both columns are 1, 2, 3: 2 of 8 patterns give |t| as large, for each and for the largest.
    d = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    p, critical = st.joint_sign_flips(d, 0.05)
    assert p == pytest.approx([0.25, 0.25])
    assert math.isinf(critical)  # no data of 3 units can reach 0.05
    six = np.column_stack([np.arange(1, 7), [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]])
    p, critical = st.joint_sign_flips(six, 0.05)
    assert p[0] >= 2 / 64
    assert p[1] == 1.0
    t = six.mean(axis=0) / six.std(axis=0, ddof=1) * math.sqrt(6)
    assert [bool(abs(x) > critical) for x in t] == [q <= 0.05 for q in p]


def test_one_comparison_is_the_plain_sign_flip_test_of_t():
    d = np.array([1.0, 2.0, 3.0, 5.0, -1.0, 4.0, 2.5])
    p, _ = st.joint_sign_flips(d[:, None], 0.05)
    assert p[0] == pytest.approx(st.sign_flip_p(d))  # |t| grows with |mean| when squares stay


def test_the_fewest_units_of_a_sign_flip_test():
    assert st.least_for_sign_flips(0.05) == 6
    assert st.smallest_p(6) <= 0.05 < st.smallest_p(5)


def test_wilson_and_mcnemar_by_hand():
    low, high = st.wilson(0, 5)  # z^2 / (n + z^2) = 3.8415 / 8.8415
    assert (low, high) == pytest.approx((0.0, 0.434482), abs=1e-5)
    assert st.mcnemar_p(5, 0) == pytest.approx(2 / 32)
    assert st.mcnemar_p(0, 0) == 1.0


def test_effect_size_by_hand():
    # mean 2, sd 1, d_z = 2, correction 1 - 3 / (4 * 2 - 1) = 4 / 7
    assert st.effect_size([1.0, 2.0, 3.0]) == pytest.approx(8 / 7)
    assert math.isnan(st.effect_size([1.0, 1.0, 1.0]))
    assert math.isnan(st.effect_size([1.0, 2.0]))

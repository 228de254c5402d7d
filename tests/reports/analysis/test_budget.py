"""What a search's budget buys, by hand."""

import itertools
import math

import numpy as np
import pytest

from reports.analysis.budget import Flip, best_so_far, expected_best, flips

NAN = math.nan


def test_best_so_far():
    assert best_so_far([NAN, 0.5, 0.3, NAN, 0.7]).tolist()[1:] == [0.5, 0.5, 0.5, 0.7]
    assert best_so_far([3.0, 1.0, 2.0], higher=False).tolist() == [3.0, 1.0, 1.0]


def test_expected_best_by_hand():
    budget = expected_best([1.0, 2.0, 3.0])
    assert budget.mean == pytest.approx([2.0, (2 + 3 + 3) / 3, 3.0])  # pairs: {1,2}, {1,3}, {2,3}
    assert budget.low[-1] == budget.high[-1] == 3.0


@pytest.mark.parametrize("higher", [True, False])
def test_expected_best_equals_going_through_all_draws(higher):
    values = np.array([0.2, NAN, 0.9, 0.5, NAN, 0.7])
    budget = expected_best(values, higher)
    best = np.nanmax if higher else np.nanmin
    for k in range(1, 7):
        draws = [values[list(chosen)] for chosen in itertools.combinations(range(6), k)]
        assert budget.mean[k - 1] == pytest.approx(
            np.mean([best(draw) for draw in draws if not np.isnan(draw).all()])
        )


def test_without_any_value_there_is_no_expectation():
    assert np.isnan(expected_best([NAN, NAN]).mean).all()


def test_a_ranking_that_depends_on_the_budget():
    careful = expected_best([0.80, 0.80, 0.80, 0.80]).mean
    tunable = expected_best([0.95, 0.10, 0.10, 0.10]).mean  # 0.31, 0.53, 0.74, 0.95
    assert flips({"careful": careful, "tunable": tunable}) == [Flip("careful", "tunable", 3)]
    assert flips({"a": careful, "b": careful - 0.1}) == []


def test_noise_turns_no_ranking():
    one, other = np.array([0.5, 0.6, 0.6]), np.array([0.5 + 1e-17, 0.59, 0.61])
    assert flips({"a": one, "b": other}) == [Flip("a", "b", 2)]
    assert flips({"a": one, "b": other}, noise=0.02) == []
    assert flips({"a": one, "b": one + np.array([1e-17, -1e-17, 1e-17])}) == []

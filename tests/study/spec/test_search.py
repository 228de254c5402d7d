"""The sections on searching: the one line that each mistake gets, seeds and constraints."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.spec.reading import make_spec
from study.spec.search import Pruner, Search
from tests.study.spec.refusals import refused


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("search.trails", 3, "s.yaml: search.trails: unknown key; did you mean 'trials'?"),
        ("search.trials", 0, "s.yaml: search.trials: must be greater than or equal to 1, given 0"),
        ("search.trials", "many", "s.yaml: search.trials: must be a whole number, given 'many'"),
        (
            "metric",
            {"name": "test/accuracy"},
            "s.yaml: metric.name: must be 'val/accuracy', 'val/accuracy_best' or 'val/loss'",
        ),
        (
            "metric",
            {"name": "val/loss"},
            "s.yaml: metric: mode must be min for val/loss, given max",
        ),
    ],
)
def test_each_mistake_has_one_line(
    study_tree: dict[str, Any], key: str, value: Any, message: str
) -> None:
    assert message in refused(study_tree, key, value)


def test_a_bound_needs_an_end(study_tree: dict[str, Any]) -> None:
    search = {"trials": 2, "constraints": {"macs": {}}}
    with pytest.raises(ConfigError, match="needs min or max, given neither"):
        make_spec({**study_tree, "search": search}, "s.yaml")


def test_a_test_metric_is_no_objective(plan_of: Any, study_tree: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"second_objective.name: must be .*given 'test/accuracy'"
    ):
        plan_of({**study_tree, "second_objective": {"name": "test/accuracy"}})


def test_more_seeds_and_more_repeats_keep_the_seeds_that_are_there() -> None:
    """Repeats count by one, and a configuration's further seeds lie 10,000 apart."""
    search = Search(seed=7, seeds=3, repeats=2)
    seeds = [[search.training_seed(repeat, index) for index in range(3)] for repeat in range(2)]
    assert seeds == [[7, 10_007, 20_007], [8, 10_008, 20_008]]


def test_a_violation_is_how_far_a_metric_is_beyond_its_bound() -> None:
    search = Search(constraints={"energy_nj": {"min": 10, "max": 500}, "macs": {"max": 100}})
    assert search.violations({"energy_nj": 700.0, "macs": 40}) == {
        "energy_nj max": 200.0,
        "energy_nj min": -690.0,
        "macs max": -60,
    }
    assert search.violations({"macs": 101}) == {"macs max": 1}  # energy was not measured


@pytest.mark.parametrize(("p_threshold", "seeds"), [(0.1, 5), (0.3, 3), (0.5, 3), (0.6, 2)])
def test_the_fewest_seeds_of_which_the_last_can_be_spared(p_threshold: float, seeds: int) -> None:
    """The smallest p of a signed-rank test over n values is 2^-n, here of n = seeds - 1."""
    assert Pruner(type="wilcoxon", p_threshold=p_threshold).least_seeds == seeds
    assert 2.0 ** -(seeds - 1) < p_threshold <= 2.0 ** -(seeds - 2)

"""What a study file's searches cannot ask for."""

from __future__ import annotations

from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.spec.reading import make_spec
from tests.study.spec.refusals import refused

Tree = dict[str, Any]
SECOND = {"second_objective": {"name": "energy_nj"}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "replicate.first_seed",
            0,
            (
                "s.yaml: replicate.first_seed: fresh seeds must not include the search's seed 0,"
                " given 0 to 1"
            ),
        ),
        (
            "search.points",
            [{"circuit.init.gain": 9.0}],
            "s.yaml: search.points.0.circuit.init.gain: must be 0.5 to 2, given 9.0",
        ),
        ("search", None, "s.yaml: search: is required when there are parameters"),
        ("parameters", {}, "s.yaml: parameters: a search needs at least one parameter"),
    ],
)
def test_each_mistake_has_one_line(
    study_tree: dict[str, Any], key: str, value: Any, message: str
) -> None:
    assert message in refused(study_tree, key, value)


def test_a_grid_needs_steps(study_tree: dict[str, Any]) -> None:
    study_tree["search"]["sampler"] = "grid"
    with pytest.raises(
        ConfigError, match=r"parameters\.circuit\.init\.gain: sampler grid needs a step or choices"
    ):
        make_spec(study_tree, "s.yaml")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"search": {"trials": 2, "constraints": {"energy": {"max": 1}}}},
            "constraints.energy: mu",
        ),
        (
            {"search": {"trials": 2, "repeats": 3, "seed": 998}},
            "fresh seeds must not include the search's seed 998 to 1000, given 1000 to 1001",
        ),
    ],
)
def test_what_the_newer_keys_refuse(
    study_tree: dict[str, Any], tree: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_spec({**study_tree, **tree}, "s.yaml")


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            {"trials": 2, "pruner": {"type": "asha"}},
            "search.pruner.type: must be none with a second_objective",
        ),
        (
            {"trials": 2, "diverged": "worst"},
            "search.diverged: must be fail with a second_objective",
        ),
    ],
)
def test_what_two_objectives_exclude_is_refused(
    plan_of: Any, study_tree: dict[str, Any], search: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of({**study_tree, **SECOND, "search": search})


@pytest.mark.parametrize(
    ("search_", "message"),
    [
        ({"seeds": 4, "pruner": {"type": "wilcoxon"}}, "search.seeds is at least 5, given 4"),
        ({"seeds": 2, "pruner": {"type": "asha"}}, "must be none or wilcoxon with search.seeds"),
    ],
)
def test_what_cannot_stop_anything_is_refused(
    study_tree: Tree, search_: Tree, message: str
) -> None:
    with pytest.raises(Exception, match=message):
        make_spec({**study_tree, "search": {"trials": 3, **search_}}, "study.yaml")

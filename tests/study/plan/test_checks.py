"""What must hold of a study's values in its networks, and of its comparisons."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.plan import Plan

PlanOf = Callable[[dict[str, Any]], Plan]


def test_values_are_tried_in_the_network(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["parameters"]["circuit.ei_ratio"] = {"type": "categorical", "choices": [4, 0]}
    with pytest.raises(
        ConfigError, match=r"parameters\.circuit\.ei_ratio: the value 0 is impossible in arm full"
    ):
        plan_of(study_tree)


def test_values_that_do_not_go_together_are_found(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    study_tree["parameters"] = {
        "circuit.init.distribution": {"type": "categorical", "choices": ["gamma", "exponential"]},
        "circuit.init.gamma_shape": {"type": "float", "low": 0.5, "high": 4.0},
    }
    with pytest.raises(ConfigError, match="gamma_shape applies only with distribution: gamma"):
        plan_of(study_tree)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "baselines",
            {"no_straight_through": {"model.norm": "bn"}},
            "baselines.no_straight_through: an ablation arm also has this name",
        ),
        (
            "report",
            {"baseline": "sws"},
            "report.baseline: must name an arm (full, no_straight_through, bn), given sws",
        ),
    ],
)
def test_mistakes_that_need_the_configs(
    plan_of: PlanOf, study_tree: dict[str, Any], key: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        plan_of({**study_tree, key: value})


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            [["no_straigt_through", "full"]],
            r"report.pairs.0: must name two arms, given .*; did you mean 'no_straight_through'\?",
        ),
        ([["bn", "bn"]], "report.pairs.0: must name two different arms, given bn twice"),
        (
            [["bn", "full"], ["full", "bn"]],
            "report.pairs.1: an earlier pair already compares full and bn",
        ),
        (
            [["bn"]],
            r"report.pairs.0: must be the names of two arms, such as \[full, bn\], given \['bn'\]",
        ),
        ("bn", "report.pairs.0: must be the names of two arms"),
    ],
)
def test_pairs_that_are_none_are_refused(
    plan_of: PlanOf, study_tree: dict[str, Any], pairs: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of({**study_tree, "report": {"pairs": pairs}})


def test_an_arm_that_is_not_there_is_refused(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["resources"] = {"gpu": 0.25, "arms": {"strait_through": {"gpu": 0.5}}}
    with pytest.raises(
        ConfigError,
        match=(
            r"study\.yaml: resources\.arms\.strait_through: must name an arm; did you mean"
            r" 'no_straight_through'\?"
        ),
    ):
        plan_of(study_tree)
    study_tree["resources"]["arms"] = {"bn": {"gpu": 1.5}}
    with pytest.raises(
        ConfigError,
        match=r"resources\.arms\.bn\.gpu: must be at most 1 or a whole number of GPUs, given 1\.5",
    ):
        plan_of(study_tree)

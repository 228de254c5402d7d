"""A study's plan: its arms, its seeds, and the mistakes that need the base configs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.plan import Plan, plan_record

PlanOf = Callable[[dict[str, Any]], Plan]


def test_arms_in_the_files_order(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    plan = plan_of(study_tree)
    assert [(arm.name, arm.role, arm.factors) for arm in plan.arms] == [
        ("full", "reference", ()),
        ("no_straight_through", "ablation", ("straight_through",)),
        ("bn", "baseline", ()),
    ]
    assert [plan.search_trials(arm) for arm in plan.arms] == [2, 2, 2]
    assert plan.seeds == [1000, 1001]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "ablation",
            {"factors": {"x": {"train.epochs": "ten"}}},
            "ablation.factors.x: train.epochs: must be a whole number, given 'ten'",
        ),
        (
            "baselines",
            {"bn": {"model.norm": "bn", "circuit.dale": "abs"}},
            "baselines.bn.circuit.dale: has no effect",
        ),
        ("baselines", {"bn": {"base": "absent.yaml"}}, "absent.yaml: no such file"),
        (
            "overrides",
            {"train.epochs": 0},
            "overrides: train.epochs: must be greater than or equal to 1, given 0",
        ),
    ],
)
def test_mistakes_that_need_the_configs(
    plan_of: PlanOf, study_tree: dict[str, Any], key: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        plan_of({**study_tree, key: value})


def test_repeats_have_seeds_of_their_own(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["search"]["repeats"] = 3
    plan = plan_of(study_tree)
    assert [plan.seeds_of(repeat) for repeat in range(3)] == [
        [1000, 1001],
        [11000, 11001],
        [21000, 21001],
    ]
    assert (plan.total_search, plan.total_replicates) == (3 * 6, 3 * 6)
    record = plan_record(plan)
    assert (record["repeats"], record["seeds"], record["classes"]) == (3, 2, 10)
    assert record["test_images"] == 100

"""The arms that an ablation's designs ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from study.plan import Plan

PlanOf = Callable[[dict[str, Any]], Plan]


@pytest.mark.parametrize(
    ("design", "names"),
    [
        (["leave_one_out"], ["no_a", "no_b", "no_c"]),
        (["add_one_in"], ["no_factors", "only_c", "only_b", "only_a"]),
        (["factorial"], ["no_a", "no_b", "no_c", "only_c", "only_b", "only_a", "no_factors"]),
        (
            ["leave_one_out", "add_one_in"],
            ["no_a", "no_b", "no_c", "no_factors", "only_c", "only_b", "only_a"],
        ),
    ],
)
def test_designs(
    plan_of: PlanOf, study_tree: dict[str, Any], design: list[str], names: list[str]
) -> None:
    factors = {
        "a": {"circuit.subtractive": False},
        "b": {"circuit.divisive": False},
        "c": {"circuit.prop.straight_through": False},
    }
    study_tree["ablation"] = {"factors": factors, "design": design}
    assert [arm.name for arm in plan_of(study_tree).arms if arm.role == "ablation"] == names


TAU = {"slow": {"neuron.tau": 8.0}, "fast": {"neuron.tau": 1.2}}


def test_factors_have_levels_and_cross_with_baselines(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    factors = {"tau": TAU, "reset": {"neuron.reset": "hard"}}
    study_tree["ablation"] = {
        "factors": factors,
        "design": "factorial",
        "cross": "bn",
        "names": {"no_reset": "hard_reset"},
    }
    plan = plan_of(study_tree)
    ours = ["hard_reset", "tau_fast", "tau_fast+no_reset", "tau_slow", "tau_slow+no_reset"]
    names = [arm.name for arm in plan.arms]
    assert sorted(names) == sorted(
        ["full", *ours, "bn", *(f"bn+{name}" for name in ours[1:]), "bn+no_reset"]
    )
    crossed = plan.by_name["bn+tau_slow+no_reset"]
    assert (crossed.role, crossed.crossed, crossed.levels) == (
        "baseline",
        "bn",
        {"tau": "slow", "reset": ""},
    )
    config = crossed.config({}, 0)
    assert (config.model.norm, config.neuron.tau, config.neuron.reset) == ("bn", 8.0, "hard")

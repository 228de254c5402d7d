"""What of a study's parameters an arm searches, and why not the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from study.plan import Plan

PlanOf = Callable[[dict[str, Any]], Plan]


def test_a_factor_pins_its_parameter(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["ablation"]["factors"] = {"tuned_gain": {"circuit.init.gain": 1.0}}
    arm = plan_of(study_tree).by_name["no_tuned_gain"]
    assert list(arm.space) == ["train.learning_rate"]
    assert arm.left_out == {"circuit.init.gain": "the arm fixes it at 1.0"}


def test_a_network_without_circuits_has_no_circuit_parameters(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    arm = plan_of(study_tree).by_name["bn"]
    assert list(arm.space) == ["train.learning_rate"]
    assert arm.left_out == {"circuit.init.gain": "this network (model.norm: bn) has no such part"}


def test_conditions_follow_pinned_values(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["parameters"] = {
        "circuit.init.gamma_shape": {
            "type": "float",
            "low": 0.5,
            "high": 4.0,
            "when": {"circuit.init.distribution": "gamma"},
        },
        "circuit.init.distribution": {"type": "categorical", "choices": ["gamma", "exponential"]},
    }
    study_tree["ablation"]["factors"] = {
        "gamma": {"circuit.init.distribution": "exponential"},
        "exponential": {"circuit.init.distribution": "gamma"},
    }
    study_tree["baselines"] = {}
    plan = plan_of(study_tree)
    assert list(plan.reference.space) == ["circuit.init.distribution", "circuit.init.gamma_shape"]
    assert plan.by_name["no_gamma"].tuned is False
    assert list(plan.by_name["no_exponential"].space) == ["circuit.init.gamma_shape"]
    assert plan.by_name["no_exponential"].space["circuit.init.gamma_shape"].when == {}
    assert list(plan.reference.active({"circuit.init.distribution": "exponential"})) == [
        "circuit.init.distribution"
    ]

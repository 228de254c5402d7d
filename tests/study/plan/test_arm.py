"""An arm's configs, ids and points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eisnn.config.trial import trial_id
from study.plan import Plan

PlanOf = Callable[[dict[str, Any]], Plan]


def test_equal_configs_are_one_trial_whatever_the_arm(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    study_tree["baselines"] = {"twin": {"circuit.prop.straight_through": False}}
    plan = plan_of(study_tree)
    values = {"circuit.init.gain": 1.25, "train.learning_rate": 0.01}
    ids = [
        trial_id(plan.by_name[name].config(values, 7))
        for name in ("full", "no_straight_through", "twin")
    ]
    assert ids[1] == ids[2] != ids[0]


def test_the_grid_is_enumerated(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["parameters"] = {
        "circuit.init.distribution": {"type": "categorical", "choices": ["gamma", "exponential"]},
        "circuit.init.gamma_shape": {
            "type": "float",
            "low": 1.0,
            "high": 2.0,
            "step": 0.5,
            "when": {"circuit.init.distribution": "gamma"},
        },
    }
    study_tree["search"] = {"sampler": "grid", "trials": 10}
    study_tree["baselines"] = {}
    plan = plan_of(study_tree)
    gamma = [
        {"circuit.init.distribution": "gamma", "circuit.init.gamma_shape": value}
        for value in (1.0, 1.5, 2.0)
    ]
    assert plan.reference.grid() == [*gamma, {"circuit.init.distribution": "exponential"}]
    assert plan.search_trials(plan.reference) == 4


def test_a_condition_on_null_is_met_by_null_alone(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    """A parameter that is not there is no null: the grid has each point once."""
    study_tree["parameters"] = {
        "model.T": {"type": "categorical", "choices": [2, 4]},
        "neuron.alpha": {"type": "categorical", "choices": [None, 2.0], "when": {"model.T": 2}},
        "neuron.tau": {
            "type": "categorical",
            "choices": [2.0, 4.0],
            "when": {"neuron.alpha": None},
        },
    }
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    study_tree["search"] = {"sampler": "grid", "trials": 20}
    points = plan_of(study_tree).reference.grid()
    assert len(points) == 4
    assert {"model.T": 4} in points

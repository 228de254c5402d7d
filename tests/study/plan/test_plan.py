"""Arms, their search spaces, and the ids of their trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eisnn.config.trial import trial_id
from eisnn.config.yaml_file import ConfigError
from study.forecast.design import shown
from study.plan import Plan, fingerprint, incomparable, plan_record

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
    with pytest.raises(
        ConfigError, match="gamma_shape has a meaning only with distribution: gamma"
    ):
        plan_of(study_tree)


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
        (
            "baselines",
            {"no_straight_through": {"model.norm": "bn"}},
            "baselines.no_straight_through: an ablation arm has this name",
        ),
        ("baselines", {"bn": {"base": "absent.yaml"}}, "absent.yaml: no such file"),
        (
            "report",
            {"baseline": "sws"},
            "report.baseline: must name an arm (full, no_straight_through, bn), given sws",
        ),
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
    study_tree[key] = value
    with pytest.raises(ConfigError) as caught:
        plan_of(study_tree)
    assert message in str(caught.value)


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


def test_ranges_may_widen_within_a_search_but_kinds_may_not(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    def name() -> str:
        plan = plan_of(study_tree)
        return fingerprint(plan, plan.reference)

    before = name()
    study_tree["parameters"]["circuit.init.gain"]["high"] = 8.0
    assert name() == before
    study_tree["parameters"]["circuit.init.gain"]["log"] = False
    assert name() != before


def test_what_may_not_be_mixed(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    before = plan_record(plan_of(study_tree))
    study_tree["replicate"]["seeds"] = 5
    assert incomparable(before, plan_record(plan_of(study_tree))) is None
    study_tree["overrides"] = {"data.split_seed": 1}
    assert "the data or their split" in str(incomparable(before, plan_record(plan_of(study_tree))))
    study_tree["overrides"], study_tree["metric"] = {}, {"name": "val/loss", "mode": "min"}
    assert "the metric was name: val/accuracy" in str(
        incomparable(before, plan_record(plan_of(study_tree)))
    )


def test_an_option_that_an_earlier_version_had_not_is_at_its_default(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    now = plan_record(plan_of(study_tree))
    before = {**now, "data": {name: now["data"][name] for name in ("name", "train_size")}}
    before["data"] |= {"test_size": 100, "validation_fraction": 0.2}
    assert incomparable(before, now) is None


def test_the_plan_record_is_plain(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    record = plan_record(plan_of(study_tree))
    assert record["baseline"] == "full"  # none was asked for
    assert record["arms"][1]["factors"] == ["straight_through"]
    assert record["arms"][0]["optuna_study"].startswith("full-")


def test_planned_pairs_are_checked_recorded_and_change_no_trial(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    before = plan_of(study_tree)
    study_tree["report"] = {"pairs": [["bn", "no_straight_through"]]}
    after = plan_of(study_tree)
    assert (plan_record(before)["pairs"], plan_record(after)["pairs"]) == (
        [],
        [["bn", "no_straight_through"]],
    )
    ids = [
        [trial_id(arm.config({}, seed)) for arm in plan.arms for seed in plan.seeds]
        for plan in (before, after)
    ]
    assert ids[0] == ids[1]
    assert [fingerprint(before, arm) for arm in before.arms] == [
        fingerprint(after, arm) for arm in after.arms
    ]
    assert incomparable(plan_record(before), plan_record(after)) is None
    assert shown(before, {})[0].startswith("2 paired seeds, 2 comparisons (single_step correction")
    assert shown(after, {})[0].startswith("2 paired seeds, 3 comparisons (single_step correction")
    for pairs, message in (
        (
            [["no_straigt_through", "full"]],
            r"report.pairs.0: must name two arms, given .*; did you mean 'no_straight_through'\?",
        ),
        ([["bn", "bn"]], "report.pairs.0: must name two different arms, given bn twice"),
        (
            [["bn", "full"], ["full", "bn"]],
            "report.pairs.1: full and bn are compared by an earlier pair already",
        ),
        (
            [["bn"]],
            r"report.pairs.0: must be the names of two arms, such as \[full, bn\], given \['bn'\]",
        ),
        ("bn", "report.pairs.0: must be the names of two arms"),
    ):
        with pytest.raises(ConfigError, match=message):
            plan_of({**study_tree, "report": {"pairs": pairs}})


def test_the_dry_runs_family_is_the_reports(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    """No comparison that was not asked for: with report.baseline full-bn, no_st-full, no_st-bn;
    without it the two with full."""
    with_bn = {**study_tree, "report": {"baseline": "bn"}}
    assert "2 paired seeds, 3 comparisons (single_step correction" in shown(plan_of(with_bn), {})[0]
    assert "2 paired seeds, 2 comparisons (single_step" in shown(plan_of(study_tree), {})[0]


# ---- designs


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

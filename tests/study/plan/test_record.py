"""What plan.json holds, and which plans may share a folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eisnn.config.trial import trial_id
from study.plan import Plan, incomparable, plan_record

PlanOf = Callable[[dict[str, Any]], Plan]


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


def test_planned_pairs_are_recorded_and_change_no_trial(
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
    assert before.contents == after.contents
    assert incomparable(plan_record(before), plan_record(after)) is None

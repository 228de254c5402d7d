"""An arm as plan.json describes it."""

from __future__ import annotations

from reports.analysis.arm import Arm


def test_a_plan_that_names_an_arm_only_has_an_ablation_without_factors():
    assert Arm.from_json({"name": "bn"}) == Arm("bn", "ablation", factors=())


def test_keys_that_a_report_does_not_read_are_left_out():
    record = {
        "name": "no_init",
        "factors": ["init"],
        "levels": {"init": ""},
        "left_out": {"a": "b"},
    }
    arm = Arm.from_json({**record, "search_trials": None, "searched": None})
    assert (arm.factors, arm.levels, arm.search_trials, arm.searched) == (
        ("init",),
        {"init": ""},
        0,
        (),
    )

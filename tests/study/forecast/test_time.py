"""Estimates of what is left: numbers that can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from study.forecast import time as estimate
from study.plan.plan import Plan
from tests.study.forecast.measured import MEASURED, row

Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]


@pytest.fixture
def plan(plan_of: PlanOf, study_tree: Tree) -> Plan:
    """Arms full and bn; 3 search trials and 2 seeds each; 2 epochs a trial."""
    study_tree["ablation"], study_tree["search"] = {}, {"trials": 3}
    return plan_of(study_tree)


def test_paces_are_per_arm_and_the_slowest_stands_in(plan: Plan) -> None:
    assert estimate.paces(plan, {}) is None
    assert estimate.paces(plan, MEASURED) == {
        "full": estimate.Pace(2.0, 2),
        "bn": estimate.Pace(10.0, 1),
    }
    only = {key: value for key, value in MEASURED.items() if key[0] == "full"}
    assert estimate.paces(plan, only) == {
        "full": estimate.Pace(2.0, 2),
        "bn": estimate.Pace(2.0, 0),
    }


def test_what_is_left_is_counted_per_arm(plan: Plan) -> None:
    rows = {**MEASURED, ("bn", "search", 0, 1): row("d", "running", 1)}
    assert estimate.running(plan, rows) == [estimate.Work("bn", 1, 1)]
    assert estimate.searches(plan, rows, ()) == [
        estimate.Work("full", 1, 1.5),
        estimate.Work("bn", 1, 2.0),
    ]
    assert estimate.searches(plan, rows, ["full"]) == [estimate.Work("bn", 1, 2.0)]
    assert estimate.replicates(plan, rows) == [
        estimate.Work("full", 2, 2),
        estimate.Work("bn", 2, 2),
    ]
    # full: 1 x 1.5 + 2 x 2 = 5.5 epochs of 2 s; bn: 1 + 2 + 2 x 2 = 7 epochs of 10 s
    expected = estimate.BESIDE * (5.5 * 2 + 7 * 10)
    assert estimate.seconds_left(plan, rows, {}, 1) == pytest.approx(expected)
    assert estimate.seconds_left(plan, rows, {}, 2) == pytest.approx(expected / 2)
    assert estimate.seconds_left(plan, rows, {}, 100) == pytest.approx(
        estimate.BESIDE * 20
    )  # its longest trial: 2 epochs of bn
    assert estimate.seconds_left(plan, rows, {("full", 0): None}, 1) == pytest.approx(
        estimate.BESIDE * 70
    )  # nothing to replicate
    assert estimate.seconds_left(plan, {}, {}, 1) is None

"""What tells an arm's search from others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from study.plan import Plan

PlanOf = Callable[[dict[str, Any]], Plan]


def test_ranges_may_widen_within_a_search_but_kinds_may_not(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    def name() -> str:
        plan = plan_of(study_tree)
        return plan.contents[plan.reference.name]

    before = name()
    study_tree["parameters"]["circuit.init.gain"]["high"] = 8.0
    assert name() == before
    study_tree["parameters"]["circuit.init.gain"]["log"] = False
    assert name() != before

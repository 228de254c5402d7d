"""How much of each arm a study is to have, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from study.plan import Plan, Wanted


def test_trials_are_counted_by_arm(
    plan_of: Callable[[dict[str, Any]], Plan], study_tree: dict[str, Any]
) -> None:
    """Three arms of two search trials and two seeds; two repeats of them."""
    study_tree["search"]["repeats"] = 2
    plan = plan_of(study_tree)
    planned = Wanted.planned(plan)
    assert planned.repeats == {"full": 2, "no_straight_through": 2, "bn": 2}
    assert planned.seeds == {"full": 2, "no_straight_through": 2, "bn": 2}
    assert planned.trials(plan) == plan.trials == 3 * 2 * (2 + 2)
    more = replace(planned, repeats={**planned.repeats, "bn": 3})
    assert (more.replicates("full"), more.replicates("bn")) == (4, 6)
    assert more.trials(plan) == 24 + (2 + 2)

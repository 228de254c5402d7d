"""What a budget is meant to hold: small comparisons first, then larger ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.agenda.ledger import Ledger, Target, targets
from study.agenda.spending import Spending
from study.store.tables import Tables

Tree = dict[str, Any]


def test_targets_grow_from_the_smallest_comparison(
    plan_of: Callable[[Tree], Any], study_tree: Tree
) -> None:
    study_tree["search"] = {"trials": 3, "repeats": 2}
    assert targets(plan_of(study_tree)) == [
        Target(1, 1, 1),
        Target(2, 1, 1),
        Target(2, 1, 2),
        Target(2, 2, 2),
        Target(2, 3, 2),
    ]


@pytest.mark.parametrize(
    ("trials", "target"),
    [(6, Target(1, 1, 1)), (9, Target(1, 1, 2)), (11, Target(1, 1, 2)), (12, Target(1, 2, 2))],
)
def test_a_budget_holds_the_largest_target_that_fits(
    plan_of: Callable[[Tree], Any], study_tree: Tree, tmp_path: Path, trials: int, target: Target
) -> None:
    study_tree["budget"] = {"trials": trials}  # three arms, two search trials and two seeds each
    plan = plan_of(study_tree)
    tables = Tables(tmp_path, [arm.name for arm in plan.arms], [])
    assert Ledger(plan, tables, 0.0, 1).target() == target
    assert Spending(plan, tables).why_too_small() is None

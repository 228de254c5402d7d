"""What may start within a budget: replicates are served before searches spend the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.agenda.spending import Spending
from study.forecast import time as estimate
from study.plan.plan import Plan
from study.store.records import Key, Kind, State
from study.store.tables import Tables
from tests.study.forecast.measured import MEASURED

Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]


def test_what_is_trained_counts_for_the_smallest_comparison(
    plan_of: Callable[[Tree], Any], study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["budget"] = {"trials": 5}
    plan = plan_of(study_tree)
    tables = Tables(tmp_path, [arm.name for arm in plan.arms], [])
    spending = Spending(plan, tables)
    assert "which need 6; the whole plan has 12 trials" in str(spending.why_too_small())
    for arm in plan.arms:
        for kind in Kind:
            key = Key(arm.name, kind, 0, 0)
            tables.put(key, {"id": f"{arm.name}{kind}", "state": State.COMPLETED, "epochs": 2})
    assert spending.why_too_small() is None  # it is used up, and gave its comparison


@pytest.mark.parametrize("budget", [{"trials": 9}, {"epochs": 18}])
def test_replicates_are_served_before_search_spends_the_rest(
    world: Any, study_tree: Tree, budget: dict[str, int]
) -> None:
    study_tree["search"]["trials"], study_tree["budget"] = 5, budget
    agenda = world(study_tree).play()
    assert agenda.finished
    kinds: Callable[[str], int] = Counter(key[1] for key in agenda.tables.rows).__getitem__
    assert (kinds("search"), kinds("replicate")) == (3, 6)
    assert "is used up" in agenda.budget_note


@pytest.fixture
def verdict(plan_of: PlanOf, study_tree: Tree, tmp_path: Path) -> Callable[..., str | None]:
    """`used_up` of the plan with 3 search trials and 2 seeds of two arms, with the measured rows,
    one at a time."""

    def used_up(
        budget: Tree, *, spent: float = 0.0, replicates: bool = False, at_once: int = 1
    ) -> str | None:
        plan = plan_of({**study_tree, "ablation": {}, "search": {"trials": 3}, "budget": budget})
        tables = Tables(tmp_path, ["full", "bn"], [])
        tables.rows = dict(MEASURED)
        tables.lines = {"a": ["", ""], "b": [""], "c": ["", ""]}
        return Spending(plan, tables, spent, at_once).used_up(replicates=replicates)

    return used_up


def test_a_trial_starts_only_if_it_and_the_replicates_fit(
    verdict: Callable[..., str | None],
) -> None:
    # 3 trials and 5 epochs were trained; 4 replicates of 2 epochs are owed
    assert verdict({"trials": 8}) is None
    assert verdict({"trials": 7}) == "the budget of 7 trials is used up except for the replicates"
    assert verdict({"trials": 7}, replicates=True) is None
    assert verdict({"trials": 4}, replicates=True) is None
    assert verdict({"trials": 3}, replicates=True) == "the budget of 3 trials is used up"
    assert verdict({"epochs": 15}) is None
    assert verdict({"epochs": 14}) is not None
    assert verdict({"epochs": 7}, replicates=True) is None
    assert verdict({"epochs": 6}, replicates=True) is not None


def test_hours_are_kept_by_each_arms_own_pace(verdict: Callable[..., str | None]) -> None:
    # the next search trial, as one of bn: 20 s; replicates: 2 x 2 x 2 s of full and 2 x 2 x 10 s of
    # bn
    need = estimate.BESIDE * (20 + 8 + 40)
    hours = {"hours": 1.0}
    assert verdict(hours, spent=3599 - need) is None
    assert (
        verdict(hours, spent=3601 - need)
        == "the budget of 1 hours is used up except for the replicates"
    )
    assert verdict(hours, spent=3599 - need / 2, at_once=2) is None
    assert verdict(hours, spent=3599 - estimate.BESIDE * 20, replicates=True) is None
    assert verdict(hours, spent=3601 - estimate.BESIDE * 20, replicates=True) is not None
    assert verdict({}, spent=1e9) is None

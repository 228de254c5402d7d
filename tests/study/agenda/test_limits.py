"""What a budget is meant to hold: small comparisons first, then larger ones."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.agenda import limits
from study.agenda.limits import Ledger, Target, senseless, targets, why_too_small
from study.forecast import time as estimate
from study.plan.plan import Plan
from study.store.records import Key, Kind, Outcome, State
from study.store.tables import Tables
from tests.study.agenda.played import failing
from tests.study.forecast.measured import MEASURED

Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]


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
    assert why_too_small(plan, tables, 0.0, 1) is None


def test_what_is_trained_counts_for_the_smallest_comparison(
    plan_of: Callable[[Tree], Any], study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["budget"] = {"trials": 5}
    plan = plan_of(study_tree)
    tables = Tables(tmp_path, [arm.name for arm in plan.arms], [])
    assert "which need 6; the whole plan has 12 trials" in str(why_too_small(plan, tables, 0.0, 1))
    for arm in plan.arms:
        for kind in Kind:
            key = Key(arm.name, kind, 0, 0)
            tables.put(key, {"id": f"{arm.name}{kind}", "state": State.COMPLETED, "epochs": 2})
    assert why_too_small(plan, tables, 0.0, 1) is None  # it is used up, and gave its comparison


def test_failures_of_one_reason_stop_a_study() -> None:
    failed = [Outcome(name, State.FAILED, reason="KeyError: 'x'") for name in "abc"]
    assert "the first 3 trials all failed with: KeyError" in str(senseless(failed, 0.5))
    mixed = [*failed[:2], Outcome("c", State.FAILED, reason="else")]
    assert senseless(mixed, 0.5) is None


def test_a_full_disk_stops_the_study_which_goes_on_once_there_is_room(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    played = world(study_tree)
    agenda = played.play(fit=failing(fit, OSError(errno.ENOSPC, "No space left on device")))
    assert (
        "the disk is full: OSError: [Errno 28] No space left on device; make room" in agenda.fatal
    )
    assert {row["state"] for row in played.play().tables.rows.values()} == {"completed"}


def test_a_disk_that_does_not_work_stops_the_study_and_is_named(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    played = world(study_tree)
    broken = OSError(errno.EIO, "Input/output error", "trials/x/history.csv")
    agenda = played.play(fit=failing(fit, broken))
    assert "the disk does not work: OSError: [Errno 5] Input/output error" in agenda.fatal
    assert "history.csv" in agenda.fatal
    assert {row["state"] for row in played.play().tables.rows.values()} == {"completed"}


def test_trials_that_all_die_alike_stop_the_study(world: Any, study_tree: Tree, fit: Any) -> None:
    agenda = world(study_tree).play(fit=failing(failing(fit, KeyError("x"), "ei"), KeyError("x")))
    assert agenda.finished
    assert "the first 3 trials all failed with: KeyError: 'x'" in agenda.fatal
    assert len(agenda.tables.rows) == 3


def test_too_many_failures_stop_the_study(world: Any, study_tree: Tree, fit: Any) -> None:
    study_tree["search"]["trials"], study_tree["max_failed"] = 8, 0.2
    agenda = world(study_tree).play(fit=failing(fit, KeyError("x")))
    assert "of 10 trials failed, over max_failed: 0.2" in agenda.fatal


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
        return limits.used_up(plan, tables, spent, at_once, replicates=replicates)

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

"""How far a study is with its plan, whatever was launched so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.analysis.arm import GONE, Arm
from reports.analysis.collect import Study
from reports.tables.states import states_text
from study import store
from study.store import Kind, State

FINAL = [state for state in State if state.is_final]


@dataclass(frozen=True)
class Progress:
    """The planned trials and those that have ended; arms in ``empty`` have no result."""

    planned: int
    ended: int
    failed: int
    arms: int
    empty: tuple[str, ...]
    budget: str | None
    open_states: dict[str, int]

    @property
    def is_complete(self) -> bool:
        return self.ended >= self.planned and not self.open_states


@dataclass(frozen=True)
class Status:
    """The study's status in words; ``tone`` is open, warn or done."""

    tone: str
    words: str


def planned_trials(study: Study, arm: Arm, kind: Kind) -> int:
    """Returns how many trials of ``kind`` the plan asks of the arm.

    Folders of earlier versions do not say; there, the trials so far count.
    """
    rows = study.trials[(study.trials["arm"] == arm.name) & (study.trials["kind"] == kind)]
    known = len(rows)
    if arm.role == GONE:
        return known
    repeats = int(study.plan.get("repeats") or 1)
    if kind is Kind.REPLICATE:
        return max(known, repeats * int(study.plan.get("seeds") or 0))
    seeds = (study.plan.get("search") or {}).get("seeds", 1)
    records: list[Any] = rows.to_dict("records")
    spared = store.spared(records, seeds).total()
    return max(known, repeats * arm.search_trials - spared)


def progress(study: Study) -> Progress:
    """Counts the trials of all arms."""
    rows = study.trials
    planned = sum(planned_trials(study, arm, kind) for arm in study.arms for kind in Kind)
    final = rows["state"].isin(FINAL)
    done = rows[(rows["kind"] == Kind.REPLICATE) & final]
    empty = [arm for arm in study.arm_names if arm not in set(done["arm"])]
    open_ = rows.loc[~final, "state"].value_counts()
    return Progress(
        planned=planned,
        ended=int(final.sum()),
        failed=int(rows["state"].isin((State.FAILED, State.OUT_OF_MEMORY)).sum()),
        arms=len(study.arms),
        empty=tuple(empty),
        budget=next(iter(study.budgets.values()), None),
        open_states={str(state): int(count) for state, count in open_.items()},
    )


def status(study: Study, *, running: bool = False) -> Status:
    """Says whether the study is complete and, if not, why."""
    found = progress(study)
    if not found.planned and not found.ended:
        return Status(
            "open", "No trial has been planned or run yet; this page fills while the study runs."
        )
    if not found.is_complete:
        return Status("open", _unfinished(found, running))
    if found.failed:
        return Status(
            "warn", f"Complete, but {found.failed} of {found.planned} trials failed: see Trials."
        )
    return Status("done", f"Complete: all {found.ended} trials have ended.")


def _unfinished(found: Progress, running: bool) -> str:
    """Returns a text such as '6 of 80 trials; running; 9 of 10 arms have no result.'"""
    parts = [f"{found.ended} of {found.planned} trials"]
    if running:
        parts.append("running")
    elif found.budget:
        parts.append(f"ended by its budget ({found.budget})")
    else:
        parts.append("not complete: the same command resumes it")
    if found.empty:
        verb = "has" if len(found.empty) == 1 else "have"
        parts.append(f"{len(found.empty)} of {found.arms} arms {verb} no result")
    if found.open_states:
        parts.append(states_text(found.open_states))
    return "; ".join(parts) + "."

"""How far a run of a study got with its plan; kept in ``ending.json`` for reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from study.agenda.agenda import Agenda
from study.store.records import Kind, State


@dataclass(frozen=True)
class Ending:
    """What a run left undone. ``budget`` says which budget ended it early, or is None."""

    planned: int  # trials
    ended: int  # trials that have ended
    arms: int
    without_result: tuple[str, ...]  # arms of which no replicate completed
    without_configuration: tuple[str, ...]  # arms whose search found nothing to replicate
    failed: int
    first_failure: str | None
    budget: str | None
    undecided: tuple[str, ...] = ()  # arms whose verdicts ``until: decided`` leaves open

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """Returns the lines to print at the end."""
        lines = []
        for arm in self.without_configuration:
            lines.append(
                f"{arm}: no search trial completed, so it has no configuration to replicate"
            )
        if self.budget is not None:
            lines += [self.budget, self.missing()]
        if self.undecided:
            lines.append(f"not decided: {', '.join(self.undecided)}")
        if self.failed:
            lines.append(
                f"{self.failed} of {self.ended} trials failed; the first: {self.first_failure}"
            )
        return lines

    def missing(self) -> str:
        text = f"{self.ended} of {self.planned} trials; ended by its budget"
        if self.without_result:
            text += f"; {len(self.without_result)} of {self.arms} arms have no result"
        return text


def ending(agenda: Agenda) -> Ending:
    """Counts how far the agenda got."""
    plan, rows = agenda.plan, agenda.tables.rows
    completed = {
        key.arm
        for key, row in rows.items()
        if key.kind == Kind.REPLICATE and row["state"] == State.COMPLETED
    }
    bad = [row for row in rows.values() if row["state"] in (State.FAILED, State.OUT_OF_MEMORY)]
    without = _without_configuration(agenda)
    ended = sum(State(row["state"]).is_final for row in rows.values())
    budget = agenda.budget_note
    if budget is not None:
        budget += _unequal(agenda)
    return Ending(
        planned=agenda.planned,
        ended=ended,
        arms=len(plan.arms),
        without_result=tuple(arm.name for arm in plan.arms if arm.name not in completed),
        without_configuration=without,
        failed=len(bad),
        first_failure=f"{bad[0]['id']}: {bad[0]['reason']}" if bad else None,
        undecided=tuple(dict.fromkeys(arm for arm, _ in agenda.replicates.undecided())),
        budget=budget,
    )


def _without_configuration(agenda: Agenda) -> tuple[str, ...]:
    """Returns the arms whose search, in some repeat, ended without a configuration."""
    if not agenda.plan.seeds:
        return ()
    found = [arm for (arm, _), proposal in agenda.chosen.items() if proposal is None]
    return tuple(dict.fromkeys(found))


def _unequal(agenda: Agenda) -> str:
    """Returns a note if a budget ended some searches earlier than others; else an empty text."""
    counts = {arm: search.count for (arm, repeat), search in agenda.searches.items() if not repeat}
    if len(set(counts.values())) < 2:
        return ""
    each = ", ".join(f"{name} {count}" for name, count in counts.items())
    return f"; the searches are not equally long ({each} trials)"

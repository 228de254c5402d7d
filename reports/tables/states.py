"""The states in which trials ended, with the most frequent reason for a bad end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.analysis.collect import STATES, Study
from reports.analysis.compare import ArmResult
from reports.tables.cells import text_cell
from reports.tables.table import Cell, Field, Table, build
from study.store import Kind, State


@dataclass(frozen=True)
class Ended:
    """How many trials of one arm and kind ended in each state."""

    arm: str
    kind: str
    counts: Mapping[str, int]
    retries: int
    reason: str


def states_text(counts: Mapping[str, int]) -> str:
    """Returns a text such as '3 completed, 1 pruned'."""
    parts = [f"{count} {state.replace('_', ' ')}" for state, count in counts.items()]
    return ", ".join(parts) or "none"


def all_states(result: ArmResult) -> str:
    """Returns a text such as '3 completed; search: 8 completed, 2 pruned'."""
    ended = states_text(result.states.get(Kind.REPLICATE, {}))
    searched = result.states.get(Kind.SEARCH)
    if not searched:
        return ended
    return f"{ended}; search: {states_text(searched)}"


def _records(study: Study, results: Sequence[ArmResult]) -> list[Ended]:
    trials, records = study.trials, []
    for result in results:
        for kind, counts in result.states.items():
            mine = trials[(trials["arm"] == result.arm) & (trials["kind"] == kind)]
            unwell = mine[~mine["state"].isin((State.COMPLETED, State.PRUNED))]
            reasons = unwell["reason"].dropna().value_counts()
            reason = str(reasons.index[0]) if len(reasons) else ""
            retries = int(mine["retries"].fillna(0).sum())
            records.append(Ended(result.arm, kind, counts, retries, reason))
    return records


def _count(state: str) -> Field[Ended]:
    def cell(item: Ended) -> Cell:
        count = item.counts.get(state, 0)
        return Cell(str(count), count)

    return Field(state.replace("_", " "), cell)


def state_table(study: Study, results: Sequence[ArmResult]) -> Table:
    """Returns a row per arm and kind, a column per state that occurs."""
    seen = [str(state) for state in STATES if (study.trials["state"] == state).any()]
    fields: list[Field[Ended]] = [
        Field("arm", lambda item: text_cell(item.arm), numeric=False),
        Field("kind", lambda item: text_cell(item.kind), numeric=False),
        *map(_count, seen),
        Field("retries", lambda item: Cell(str(item.retries), item.retries)),
        Field(
            "most frequent reason",
            lambda item: Cell(item.reason, item.reason, tone="quiet"),
            numeric=False,
        ),
    ]
    records = _records(study, results)
    lines = []
    for item in records:
        counts = {state: item.counts.get(state, 0) for state in seen}
        lines.append(
            {
                "arm": item.arm,
                "kind": item.kind,
                **counts,
                "retries": item.retries,
                "reason": item.reason,
            }
        )
    text = (
        "Number of trials in each state. A replicate that diverged or ran out of memory counts as"
        " chance in every mean; one that failed because of its surroundings has no value."
    )
    return build("states", "How the trials ended", text, fields, records, pd.DataFrame(lines))

"""Combines the rows of configurations that a search trained from several seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eisnn.metrics import TRIAL_METRICS
from study.store.records import Kind, State

Row = Mapping[str, Any]


def means(measured: Sequence[Row]) -> dict[str, float]:
    """Returns the mean of each metric that all rows have.

    >>> means([{"val/loss": 1.0, "energy_nj": 3.0}, {"val/loss": 2.0}])
    {'val/loss': 1.5}
    """
    found = {}
    for name in measured[0]:
        if name in TRIAL_METRICS or name.startswith(("val/", "test/")):
            values: list[Any] = [row.get(name) for row in measured]
            known = [float(value) for value in values if not _is_missing(value)]
            if len(known) == len(values):
                found[name] = math.fsum(known) / len(known)
    return found


def by_proposal(rows: Iterable[Row], seeds: int) -> list[dict[str, Any]]:
    """Returns one row for each configuration of a search, with means over its seeds and a state.

    The state is completed if all seeds have completed, and pruned if the pruner stopped earlier.
    """
    if seeds == 1:
        return [dict(row) for row in rows]
    found = []
    for group in _groups(rows):
        states = [State(row["state"]) for row in group]
        others = [state for state in states if state != State.COMPLETED]
        unwell = [state for state in others if state.is_unwell]
        state = State.PRUNED if len(group) < seeds else State.COMPLETED
        state = [*unwell, *others, state][0]
        missing = dict.fromkeys(TRIAL_METRICS)
        last = group[-1]
        row = {**group[0], **missing, **means(group), "state": state, "reason": last.get("reason")}
        found.append(row)
    return found


def spared(rows: Iterable[Row], seeds: int) -> Counter[str]:
    """Returns how many trials of each arm are spared by configurations that stopped or failed."""
    found: Counter[str] = Counter()
    if seeds == 1:
        return found
    for group in _groups(row for row in rows if row["kind"] == Kind.SEARCH):
        last = group[-1]
        if State(last["state"]).is_final and not _is_missing(last.get("reason")):
            found[str(last["arm"])] += seeds - len(group)
    return found


def _groups(rows: Iterable[Row]) -> list[list[Row]]:
    """Returns the rows of each configuration, by seed."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["arm"], int(row["repeat"]), int(row["number"])), []).append(row)
    return [
        sorted(group, key=lambda row: int(row.get("seed_index") or 0)) for group in groups.values()
    ]


def _is_missing(value: Any) -> bool:
    """Returns whether a cell is empty, in a row of memory, of a file, or of a frame."""
    return value is None or value == "" or value != value

"""The rows of configurations that a search trained from several seeds, taken together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eisnn.metrics import TRIAL_METRICS
from study.store.records import Kind, State

Row = Mapping[str, Any]


def means(measured: Sequence[Row]) -> dict[str, float]:
    """The mean of each metric that all have measured.

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
    """One row for each configuration of a search: means over its seeds, and its own state.

    It is completed if all its seeds are, and pruned if it was stopped before.
    """
    if seeds == 1:
        return [dict(row) for row in rows]
    found = []
    for group in _groups(rows):
        states = [State(row["state"]) for row in group]
        others = [state for state in states if state != State.COMPLETED]
        unwell = [state for state in others if state.is_unwell]
        state = [*unwell, *others, State.PRUNED if len(group) < seeds else State.COMPLETED][0]
        missing = dict.fromkeys(TRIAL_METRICS)
        last = group[-1]
        row = {**group[0], **missing, **means(group), "state": state, "reason": last.get("reason")}
        found.append(row)
    return found


def spared(rows: Iterable[Row], seeds: int) -> Counter[str]:
    """How many trials of each arm are not needed: their configurations were stopped, or failed."""
    found: Counter[str] = Counter()
    if seeds == 1:
        return found
    for group in _groups(row for row in rows if row["kind"] == Kind.SEARCH):
        last = group[-1]
        if State(last["state"]).is_final and not _is_missing(last.get("reason")):
            found[str(last["arm"])] += seeds - len(group)
    return found


def _groups(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of each configuration, by seed."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["arm"], int(row["repeat"]), int(row["number"])), []).append(row)
    return [
        sorted(group, key=lambda row: int(row.get("seed_index") or 0)) for group in groups.values()
    ]


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty, in a row of ours, of a file, or of a frame."""
    return value is None or value == "" or value != value

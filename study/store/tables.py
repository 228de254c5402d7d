"""The driver's two tidy tables, trials.csv and epochs.csv, kept in memory and written whole, about once a second."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study import store

Key = tuple[str, str, int]  # arm, kind, number


class Tables:
    """One row per arm and trial, one line per trial and epoch. Writing takes at most a twentieth of the time."""

    def __init__(self, folder: Path, arms: Sequence[str], parameters: Sequence[str]) -> None:
        self.folder = folder
        self.columns = (*store.TRIAL_COLUMNS, *parameters)
        self.order = {arm: index for index, arm in enumerate(arms)}
        self.rows: dict[Key, dict[str, Any]] = {}
        self.lines: dict[str, list[str]] = {}
        self._changed = True
        self._next = 0.0

    def put(self, key: Key, row: Mapping[str, Any]) -> None:
        self.rows[key] = {**self.rows.get(key, {}), **row}
        self._changed = True

    def epochs(self, identity: str) -> int:
        return len(self.lines.get(identity, ()))

    def add_epoch(self, identity: str, row: Mapping[str, Any]) -> bool:
        """Adds an epoch's line; False if it is there already."""
        lines = self.lines.setdefault(identity, [])
        epoch = int(row["epoch"])
        line = _line([identity, epoch, *(row.get(name, "") for name in store.EPOCH_METRICS)])
        if lines[epoch - 1 : epoch] == [line]:
            return False
        new = epoch > len(lines)
        lines[epoch - 1 :] = [line]
        self._changed = True
        return new

    def set_epochs(self, identity: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.lines[identity] = [
            _line(
                [identity, int(row["epoch"]), *(row.get(name, "") for name in store.EPOCH_METRICS)]
            )
            for row in rows
        ]
        self._changed = True

    def write(self, *, now: bool = False) -> None:
        """Writes both tables if something changed and, unless ``now``, the last writing is long enough ago."""
        start = time.monotonic()
        if not self._changed or not (now or start >= self._next):
            return
        rows = [
            self.rows[key]
            for key in sorted(
                self.rows, key=lambda key: (self.order[key[0]], key[1] != "search", key[2])
            )
        ]
        store.write_text(
            self.folder / "trials.csv", store.table_text(self.columns, rows), durable=now
        )
        shown = dict.fromkeys(row["id"] for row in rows)
        lines = [line for identity in shown for line in self.lines.get(identity, ())]
        store.write_text(
            self.folder / "epochs.csv", _line(store.EPOCH_COLUMNS) + "".join(lines), durable=now
        )
        self._changed = False
        self._next = time.monotonic() + max(1.0, 20 * (time.monotonic() - start))


def _line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def row_of(key: Key, state: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The table's row of a trial's state. Test metrics belong to replicates only, and a missing metric to nobody."""
    metrics = state.get("metrics", {})
    if key[1] != "replicate":
        metrics = {name: value for name, value in metrics.items() if not name.startswith("test/")}
    return {
        **dict.fromkeys(store.TRIAL_METRICS),
        **{name: value for name, value in metrics.items() if name in store.TRIAL_METRICS},
        "id": state["id"],
        "arm": key[0],
        "kind": key[1],
        "number": key[2],
        **{
            name: state.get(name)
            for name in ("seed", "state", "reason", "epochs", "started", "finished", "retries")
        },
        **{
            path: json.dumps(value) if isinstance(value, list) else value
            for path, value in parameters.items()
        },
    }

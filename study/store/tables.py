"""The driver's two tidy tables, trials.csv and epochs.csv, held in memory and written whole."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eisnn.metrics import TRIAL_METRICS, Metric, judged
from study.store.columns import (
    EPOCH_COLUMNS,
    OVERRIDE,
    TRIAL_COLUMNS,
    table_text,
)
from study.store.files import write_text
from study.store.records import Key, Kind, Outcome, Role, State

Row = dict[str, Any]  # of trials.csv, by column


class Tables:
    """One row per arm and trial, one line per trial and epoch.

    Writes them about once a second, and spends at most a twentieth of the time on it.
    """

    def __init__(
        self,
        folder: Path,
        arms: Sequence[str],
        parameters: Sequence[str],
        metrics: Sequence[str] = (),
        seeds: int = 1,
        overrides: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """``metrics`` names the user's own; ``seeds`` is the number of seeds of a configuration.

        ``overrides`` holds each arm's overrides of its base config, by dotted path.
        """
        self.folder = folder
        own = [column for name in metrics for column in own_columns(name)]
        index = ("seed_index",) if seeds > 1 else ()
        self.overrides = {
            arm: {f"{OVERRIDE}{path}": _cell(value) for path, value in given.items()}
            for arm, given in (overrides or {}).items()
        }
        overridden = dict.fromkeys(name for given in self.overrides.values() for name in given)
        self.columns = (*TRIAL_COLUMNS, *index, *own, *parameters, *overridden)
        self.epoch_columns = (*EPOCH_COLUMNS, *(f"val/{name}" for name in metrics))
        self.order = {arm: index for index, arm in enumerate(arms)}
        self.rows: dict[Key, Row] = {}
        self.lines: dict[str, list[str]] = {}
        self._changed = True
        self._next = 0.0

    def put(self, key: Key, row: Mapping[str, Any]) -> None:
        self.rows[key] = {**self.rows.get(key, {}), **row}
        self._changed = True

    def of(self, arm: str, kind: Kind, repeat: int) -> Iterator[Row]:
        """Yields the rows of an arm's search trials, or replicates, of one repeat."""
        for key, row in self.rows.items():
            if key[:3] == (arm, kind, repeat):
                yield row

    def epochs(self, identity: str) -> int:
        return len(self.lines.get(identity, ()))

    def add_epoch(self, identity: str, row: Mapping[str, Any]) -> bool:
        """Adds an epoch's line; False if it is there already."""
        lines = self.lines.setdefault(identity, [])
        epoch = int(row["epoch"])
        line = self._epoch_line(identity, row)
        if lines[epoch - 1 : epoch] == [line]:
            return False
        new = epoch > len(lines)
        lines[epoch - 1 :] = [line]
        self._changed = True
        return new

    def set_epochs(self, identity: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.lines[identity] = [self._epoch_line(identity, row) for row in rows]
        self._changed = True

    def write(self, *, now: bool = False) -> None:
        """Writes both tables if something changed and the last write is long enough ago.

        With ``now``, writes them without waiting.
        """
        start = time.monotonic()
        if not self._changed or not (now or start >= self._next):
            return
        keys = sorted(self.rows, key=self._place)
        rows = [{**self.rows[key], **self.overrides.get(key.arm, {})} for key in keys]
        write_text(self.folder / "trials.csv", table_text(self.columns, rows), durable=now)
        lines = [_line(self.epoch_columns)]
        for identity in dict.fromkeys(row["id"] for row in rows):
            lines += self.lines.get(identity, ())
        write_text(self.folder / "epochs.csv", "".join(lines), durable=now)
        self._changed = False
        self._next = time.monotonic() + max(1.0, 20 * (time.monotonic() - start))

    def _epoch_line(self, identity: str, row: Mapping[str, Any]) -> str:
        values = [row.get(name, "") for name in self.epoch_columns[2:]]
        return _line([identity, int(row["epoch"]), *values])

    def _place(self, key: Key) -> tuple[int, bool, int, int, int]:
        is_search = key.kind == Kind.SEARCH
        return (self.order[key.arm], not is_search, key.repeat, key.number, key.seed_index)


def _line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def own_columns(name: str) -> tuple[str, ...]:
    """Returns the columns of a user's metric: two for the last epoch, one for the best epoch."""
    return (f"val/{name}", f"test/{name}", f"test/{name}_best")


def row_of(role: Role, outcome: Outcome) -> Row:
    """Returns the table's row for a trial; only replicates show test metrics."""
    row: Row = {**role.key._asdict(), **dict.fromkeys(TRIAL_METRICS)}
    for name, value in outcome.metrics.items():
        hidden = role.kind == Kind.SEARCH and name.startswith("test/")
        if not hidden:
            row[name] = value
    for name in ("id", "seed", "state", "reason", "epochs", "started", "finished", "retries"):
        row[name] = getattr(outcome, name)
    for path, value in role.parameters.items():
        row[path] = _cell(value)
    return row


def _cell(value: Any) -> Any:
    """Returns a value of a config as a cell; a list becomes its JSON text."""
    return json.dumps(value) if isinstance(value, list) else value


def judged_in(rows: Iterable[Mapping[str, Any]]) -> Metric:
    """Returns the test metric that verdicts on these trials rest on."""
    return judged({name for row in rows for name, value in row.items() if value is not None})


def running_row(role: Role, identity: str, seed: int, before: Outcome | None) -> Row:
    """Returns the row of a trial that begins or resumes."""
    started = before.started if before else None
    return row_of(role, Outcome(identity, State.RUNNING, seed, started=started))

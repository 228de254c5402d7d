"""One trial's folder: its outcome in ``state.json``, its epochs in ``history.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eisnn.metrics import seconds_per_epoch
from study.store.columns import HISTORY_COLUMNS, table_text
from study.store.files import read_json, set_aside, write_json, write_text
from study.store.records import Outcome, State


def trial_folder(study: Path, identity: str) -> Path:
    return study / "trials" / identity


def write_state(folder: Path, outcome: Outcome) -> None:
    """Replaces the trial's ``state.json``.

    Raises:
        ValueError: a search trial has a test metric, but the test set must not guide choices.
    """
    tested = [name for name in outcome.metrics if name.startswith("test/")]
    if tested and not outcome.test:
        raise ValueError(f"{folder.name} is a search trial: it must not carry {', '.join(tested)}")
    write_json(folder / "state.json", outcome.to_json())


def read_state(folder: Path) -> Outcome | None:
    """Returns the trial's outcome so far; None if it is missing, damaged, or of another trial."""
    try:
        outcome = Outcome.from_json(read_json(folder / "state.json"))
    except ValueError:
        return None
    return outcome if outcome.id == folder.name else None


def write_history(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replaces ``history.csv``, one line per epoch, with the user's metrics as the last columns.

    Does not wait for the disk, since the checkpoint holds the same numbers.
    """
    rows = list(rows)
    own = dict.fromkeys(name for row in rows for name in row if name not in HISTORY_COLUMNS)
    text = table_text((*HISTORY_COLUMNS, *own), rows)
    write_text(folder / "history.csv", text, durable=False)


def read_history(folder: Path) -> list[dict[str, float]] | None:
    """Returns the rows of ``history.csv``; None if it is missing, damaged, or has a gap."""
    try:
        text = (folder / "history.csv").read_text(encoding="utf-8")
        lines = list(csv.reader(io.StringIO(text, newline="")))
        header = tuple(lines[0])
        if header[: len(HISTORY_COLUMNS)] != HISTORY_COLUMNS or not text.endswith("\n"):
            return None
        rows = [_history_row(header, line) for line in lines[1:]]
    except (OSError, ValueError, IndexError, csv.Error):
        return None
    if [row["epoch"] for row in rows] != list(range(1, len(rows) + 1)):
        return None
    return rows


def _history_row(header: tuple[str, ...], line: list[str]) -> dict[str, float]:
    if len(line) != len(header):
        raise ValueError("a line of the history is short")
    cells = zip(header[1:], line[1:], strict=True)
    return {"epoch": int(line[0]), **{name: float(cell) for name, cell in cells if cell != ""}}


def finished_state(folder: Path, *, tested: bool) -> Outcome | None:
    """Returns the trial's outcome if it has ended for good; None if it must be trained or resumed.

    ``tested`` requires test metrics of a completed trial. A failure of the surroundings (no data, a
    full disk, a dead worker) is not for good: the next run tries the trial again.
    """
    outcome = read_state(folder)
    if outcome is None or not outcome.state.is_final or outcome.again:
        return None
    measured = any(name.startswith("test/") for name in outcome.metrics)
    if outcome.state == State.COMPLETED and tested and not measured:
        return None
    history = read_history(folder)
    if outcome.epochs > 0 and (history is None or len(history) != outcome.epochs):
        return None
    return outcome


def set_damaged_aside(folder: Path) -> list[Path]:
    """Renames unreadable files in a trial's folder, and returns their new names.

    The trial is then repeated. The worker that loads a checkpoint checks it.
    """
    moved = []
    for name, good in (("state.json", read_state(folder)), ("history.csv", read_history(folder))):
        if good is None and (folder / name).exists():
            moved.append(set_aside(folder / name))
    return moved


def last_metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the last epoch's metrics, and the best so far, of a trial that did not complete."""
    if not rows:
        return {}
    apart = ("epoch", "seconds", "learning_rate", "joules")
    metrics = {name: value for name, value in rows[-1].items() if name not in apart}
    metrics |= energy_of(rows)
    best = max(rows, key=lambda row: row.get("val/accuracy", -1.0))
    if "val/accuracy" in best:
        metrics.update({"val/accuracy_best": best["val/accuracy"], "best_epoch": best["epoch"]})
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    if seconds:
        metrics["seconds_per_epoch"] = seconds_per_epoch(seconds)
    return metrics


def energy_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the joules of all epochs together, if the machine measured them."""
    known = [row["joules"] for row in rows if "joules" in row]
    return {"joules": sum(known)} if known else {}

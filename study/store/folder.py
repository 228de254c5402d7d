"""results/<study>/: what a study leaves behind, written so that a kill at any moment leaves whole files only.

Every file is written beside its place, flushed to disk and renamed into place. The driver writes the study's files, a worker
writes only in its trial's folder and holds that folder's lock. Reports read at any time and need no lock.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    import pandas as pd

STATES = (
    "planned",
    "running",
    "completed",
    "pruned",
    "diverged",
    "out_of_memory",
    "failed",
    "interrupted",
)
FINAL_STATES = ("completed", "pruned", "diverged", "out_of_memory", "failed")

KINDS: dict[str, dict[str, Any]] = {  # what cannot be missing in a file of ours
    "plan.json": {"arms": list},
    "command.json": {"sets": dict, "smoke": bool, "bases": dict, "name": str | None},
    "owner.json": {},
    "environment.json": {"key": str, "earlier": dict},
    "clock.json": {"seconds": int | float},
    "ending.json": {"budget": str | None},
    "state.json": {"state": str, "epochs": int, "metrics": dict, "roles": list, "retries": int},
}

EPOCH_METRICS = (
    "train/loss",
    "train/accuracy",
    "val/loss",
    "val/accuracy",
    "learning_rate",
    "firing_rate",
    "seconds",
)
HISTORY_COLUMNS = ("epoch", *EPOCH_METRICS)
EPOCH_COLUMNS = ("id", *HISTORY_COLUMNS)
TRIAL_METRICS = (
    "val/accuracy", "val/loss", "val/accuracy_best", "best_epoch", "train/accuracy", "train/loss",
    "test/accuracy", "test/loss", "test/accuracy_best", "firing_rate", "parameters", "seconds_per_epoch",
    "peak_memory_mb", "macs", "acs", "energy_nj",
)  # fmt: skip
TRIAL_COLUMNS = (
    "id", "arm", "kind", "number", "seed", "state", "reason", "epochs", *TRIAL_METRICS, "started", "finished", "retries",
)  # fmt: skip

TEMPORARY = "eisnn-ray-"  # how the temporary folders of runs are called
SETTLED = 90.0  # seconds after which a folder that nobody holds is a killed run's: Ray's own processes outlive it by a minute at most


class StoreError(RuntimeError):
    """The study's folder cannot be used: another run owns it, or it is not a study. The message says what to do."""


# ---- files --------------------------------------------------------------------------------------------------------------


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replaces ``path`` by ``text`` in one step; ``durable`` waits until the disk has it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The mapping in ``path``; None if the file is missing, or holds anything else, or lacks what a study's file must have."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    kinds = KINDS.get(path.name, {})
    return (
        value
        if isinstance(value, dict)
        and all(isinstance(value.get(key), kind) for key, kind in kinds.items())
        else None
    )


def set_aside(path: Path) -> Path:
    """Renames a damaged file or folder to ``NAME.damaged-1`` (or the next free number); nothing is deleted."""
    return _rename(path, "damaged")


def _rename(path: Path, word: str) -> Path:
    number = 1
    while (target := path.with_name(f"{path.name}.{word}-{number}")).exists():
        number += 1
    os.replace(path, target)
    return target


def remove_leftovers(folder: Path) -> None:
    """Deletes the half-written temporary files of killed processes. The caller holds the folder's lock."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# ---- locks --------------------------------------------------------------------------------------------------------------


def lock_study(folder: Path) -> FileLock:
    """Takes the study's lock, and writes who holds it since when into ``owner.json``.

    The operating system frees the lock when the process ends, however it ends.

    Raises:
        StoreError: another run holds it; the message names its user, host, process and start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner = read_json(folder / "owner.json") or {}
        who = f"{owner.get('user', 'someone')} on {owner.get('host', 'an unknown host')} (process {owner.get('pid', '?')})"
        raise StoreError(
            f"{folder}: another run of this study is going on: {who}, since {owner.get('since', 'an unknown time')}. "
            f"Wait for it or stop it; reports may be made meanwhile: python -m reports {folder}"
        ) from None
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or str(os.getuid())
    write_json(
        folder / "owner.json",
        {"user": user, "host": socket.gethostname(), "pid": os.getpid(), "since": now()},
    )
    return lock


def temporary_folder() -> tuple[Path, FileLock]:
    """A new temporary folder, and the lock that tells other runs that it is in use for as long as this process lives."""
    path = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    lock = FileLock(path / ".lock")
    lock.acquire(timeout=0)
    return path, lock


def clear_temporary() -> None:
    """Removes what killed runs of this user, of whatever study, have left on this machine. A folder without a lock file is not of our
    making, or of an earlier version that held none: whether it is in use cannot be known, so it stays."""
    for lock in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*/.lock"):
        path = lock.parent
        with contextlib.suppress(OSError, Timeout):
            status = path.stat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > SETTLED:
                with FileLock(lock).acquire(timeout=0):
                    shutil.rmtree(path, ignore_errors=True)


def lock_trial(folder: Path, patience: float) -> FileLock:
    """Takes a trial folder's lock; an orphan of a killed run may hold it for the seconds that it still lives.

    Raises:
        StoreError: it is still held after ``patience`` seconds.
    """
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=patience, poll_interval=0.1)
    except Timeout:
        raise StoreError(
            f"{folder}: another process still trains this trial after {patience:.0f} s of waiting"
        ) from None
    return lock


def move_aside(folder: Path) -> Path:
    """``--fresh``: renames the study's folder to ``NAME.old-1`` (or the next free number) and returns the new path."""
    return _rename(folder, "old")


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that a disk or a quota is full: in Python's words, SQLite's, or torch's."""
    while error is not None:
        text = str(error).lower()
        if (
            getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
            or "disk is full" in text
            or "no space left" in text
        ):
            return True
        error = error.__cause__
    return False


# ---- one trial ----------------------------------------------------------------------------------------------------------


def trial_folder(study: Path, identity: str) -> Path:
    return study / "trials" / identity


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Replaces the trial's ``state.json``.

    Raises:
        ValueError: an unknown state, or a search trial with a test metric: the test set is not for choosing.
    """
    if state["state"] not in STATES:
        raise ValueError(
            f"a trial's state must be one of {', '.join(STATES)}, given {state['state']!r}"
        )
    tested = [name for name in state.get("metrics", {}) if name.startswith("test/")]
    if tested and not state.get("test"):
        raise ValueError(f"{folder.name} is a search trial: it must not carry {', '.join(tested)}")
    write_json(folder / "state.json", state)


def read_state(folder: Path) -> dict[str, Any] | None:
    """The trial's state, or None if there is none that can be believed (missing, damaged, of another trial)."""
    state = read_json(folder / "state.json")
    if (
        state is None
        or state.get("id") != folder.name
        or state["state"] not in STATES
        or "started" not in state
    ):
        return None
    numbers = all(isinstance(value, int | float) for value in state["metrics"].values())
    return state if numbers and all(_is_role(role) for role in state["roles"]) else None


def _is_role(role: Any) -> bool:
    kinds = {"arm": str, "kind": str, "number": int, "parameters": dict}
    return isinstance(role, dict) and all(
        isinstance(role.get(key), kind) for key, kind in kinds.items()
    )


def write_history(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replaces ``history.csv``: one line per epoch, in order. The checkpoint holds the same, so it need not be durable."""
    write_text(folder / "history.csv", table_text(HISTORY_COLUMNS, rows), durable=False)


def read_history(folder: Path) -> list[dict[str, float]] | None:
    """The rows of ``history.csv``: epochs 1, 2, ... without a gap; None if the file is missing or damaged."""
    try:
        text = (folder / "history.csv").read_text(encoding="utf-8")
        lines = list(csv.reader(io.StringIO(text, newline="")))
        if tuple(lines[0]) != HISTORY_COLUMNS or not text.endswith("\n"):
            return None
        rows = [_history_row(line) for line in lines[1:]]
    except (OSError, ValueError, IndexError, csv.Error):
        return None
    return rows if [row["epoch"] for row in rows] == list(range(1, len(rows) + 1)) else None


def _history_row(line: list[str]) -> dict[str, float]:
    if len(line) != len(HISTORY_COLUMNS):
        raise ValueError("a line of the history is short")
    values = {
        name: float(cell)
        for name, cell in zip(HISTORY_COLUMNS[1:], line[1:], strict=True)
        if cell != ""
    }
    return {"epoch": int(line[0]), **values}


def finished_state(folder: Path, *, tested: bool) -> dict[str, Any] | None:
    """The trial's state if it has ended for good and its history is whole; None if it is to be trained or gone on with.

    ``tested`` asks for a completed trial's test metrics too. A failure of the surroundings (no data, disk full, a dead worker)
    does not count as an end: it is tried again by the next run.
    """
    state = read_state(folder)
    if state is None or state["state"] not in FINAL_STATES or state.get("again"):
        return None
    if state["state"] == "completed" and tested and "test/accuracy" not in state["metrics"]:
        return None
    history = read_history(folder)
    if state["epochs"] > 0 and (history is None or len(history) != state["epochs"]):
        return None
    return state


def set_unreadable_aside(folder: Path) -> list[Path]:
    """Renames the study's own files that cannot be read, so that they can be written anew; returns the new names."""
    paths = [folder / name for name in KINDS if name != "state.json"]
    return [set_aside(path) for path in paths if path.exists() and read_json(path) is None]


def set_damaged_aside(folder: Path) -> list[Path]:
    """Renames what cannot be read in a trial's folder, so that the trial is repeated; returns the new names.

    A checkpoint is judged by the worker that loads it.
    """
    moved = []
    for name, good in (("state.json", read_state(folder)), ("history.csv", read_history(folder))):
        if good is None and (folder / name).exists():
            moved.append(set_aside(folder / name))
    return moved


# ---- tables -------------------------------------------------------------------------------------------------------------


def table_text(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV text; numbers in full precision, a missing or None value as an empty cell."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(
        buffer, list(columns), restval="", extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def load_plan(folder: Path) -> dict[str, Any]:
    """``plan.json``: the arms, roles, factors and questions that the study file asks for now.

    Raises:
        StoreError: there is no readable plan, so this is not a study's folder.
    """
    plan = read_json(Path(folder) / "plan.json")
    if plan is None or "arms" not in plan:
        raise StoreError(
            f"{folder}: holds no readable plan.json; give a study's folder, such as results/ei_ablation"
        )
    return plan


def trials_frame(folder: Path) -> pd.DataFrame:
    """``trials.csv``: one row per arm and trial that the study file asks for now; missing numbers are NaN."""
    return _frame(
        Path(folder) / "trials.csv",
        TRIAL_COLUMNS,
        ("id", "arm", "kind", "state", "reason", "started", "finished"),
    )


def epochs_frame(folder: Path) -> pd.DataFrame:
    """``epochs.csv``: one row per trial and epoch; joins with `trials_frame` on ``id``."""
    return _frame(Path(folder) / "epochs.csv", EPOCH_COLUMNS, ("id",))


def _frame(path: Path, columns: tuple[str, ...], words: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    frame = pd.read_csv(
        path, dtype=dict.fromkeys(words, "string"), keep_default_na=False, na_values=[""]
    )
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise StoreError(
            f"{path}: lacks the column {missing[0]!r}; repeat the study's command, which writes the table again"
        )
    return frame

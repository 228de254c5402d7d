"""Lists studies, shows how far one is, and cleans it up. Reads folders; trains nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from study import store
from study.store.heartbeat import SILENCE, age
from study.store.records import Key, Kind, State
from study.store.rows import read_rows

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class ArmStatus:
    """How far an arm is with its plan."""

    name: str
    searched: int
    to_search: int
    replicated: int
    to_replicate: int
    running: int
    unwell: int
    seconds_left: float | None  # of one worker; None before any trial was measured

    @property
    def left(self) -> int:
        """How many trials have not ended yet."""
        return self.to_search + self.to_replicate - self.searched - self.replicated


@dataclass(frozen=True)
class Status:
    """How far a study is with its plan."""

    name: str
    is_running: bool
    owner: Mapping[str, Any]
    arms: tuple[ArmStatus, ...]
    budget: str | None  # which budget ended it

    @property
    def ended(self) -> int:
        return sum(arm.searched + arm.replicated for arm in self.arms)

    @property
    def planned(self) -> int:
        return sum(arm.to_search + arm.to_replicate for arm in self.arms)

    @property
    def seconds_left(self) -> float | None:
        """An estimate for as many workers as run now; an unmeasured arm counts as the slowest.

        None before any trial was measured, and if nothing is left.
        """
        each = [
            arm.seconds_left / arm.left for arm in self.arms if arm.seconds_left and arm.left > 0
        ]
        if not each:
            return None
        left = 0.0
        for arm in self.arms:
            if arm.seconds_left is not None:
                left += arm.seconds_left
            else:
                left += max(each) * max(0, arm.left)
        return left / max(1, sum(arm.running for arm in self.arms))

    @property
    def text(self) -> str:
        """One line: 'running: 6 of 80 trials'."""
        count = f"{self.ended} of {self.planned} trials"
        if self.is_running:
            return f"running: {count}"
        if self.ended >= self.planned:
            return f"complete: {count}"
        return f"{count}; {'ended by its budget' if self.budget else 'not running'}"

    def lines(self) -> Iterator[str]:
        """Yields the lines that ``--status`` prints before the verdicts."""
        yield f"{self.name}: {self.text}"
        if self.is_running:
            owner = self.owner
            yield (
                f"  by {owner.get('user', 'someone')} on {owner.get('host', 'an unknown host')}, "
                f"since {owner.get('since', 'an unknown time')}"
            )
            if (left := self.seconds_left) is not None:
                yield f"  about {age_text(left)} left"
        width = max((len(arm.name) for arm in self.arms), default=0)
        for arm in self.arms:
            line = f"  {arm.name:{width}}  search {arm.searched}/{arm.to_search}"
            line += f"  replicates {arm.replicated}/{arm.to_replicate}"
            line += f"  {arm.running} running" if arm.running else ""
            yield line + (f"  {arm.unwell} failed or diverged" if arm.unwell else "")


def status(folder: Path) -> Status:
    """Returns how far the study in ``folder`` is.

    Raises:
        StoreError: it is not a study's folder.
    """
    plan = store.load_plan(folder)
    rows = read_rows(folder)
    repeats = plan.get("repeats", 1)
    spared = store.spared(rows.values(), (plan.get("search") or {}).get("seeds", 1))
    arms = []
    for arm in plan["arms"]:
        states = {kind: Counter[State]() for kind in Kind}
        for key, row in rows.items():
            if key.arm == arm["name"]:
                states[Kind(key.kind)][State(row["state"])] += 1
        done = {
            kind: sum(states[kind][state] for state in State if state.is_final) for kind in Kind
        }
        both = states[Kind.SEARCH] + states[Kind.REPLICATE]
        # With until: decided, more trials than planned may have begun.
        to_search = repeats * (arm.get("search_trials") or 0) - spared[arm["name"]]
        to_search = max(to_search, states[Kind.SEARCH].total())
        to_replicate = max(repeats * plan.get("seeds", 0), states[Kind.REPLICATE].total())
        left = to_search + to_replicate - done[Kind.SEARCH] - done[Kind.REPLICATE]
        pace = _seconds_of_a_trial(rows, arm["name"], arm.get("epochs") or 0)
        arms.append(
            ArmStatus(
                name=arm["name"],
                searched=done[Kind.SEARCH],
                to_search=to_search,
                replicated=done[Kind.REPLICATE],
                to_replicate=to_replicate,
                running=both[State.RUNNING],
                unwell=sum(both[state] for state in State if state.is_unwell),
                seconds_left=pace * max(0, left) if pace is not None else None,
            )
        )
    ending = store.read_json(folder / "ending.json") or {}
    owner = store.read_json(folder / "owner.json") or {}
    name = str(plan.get("study", folder.name))
    return Status(name, is_running(folder), owner, tuple(arms), ending.get("budget"))


def _seconds_of_a_trial(
    rows: Mapping[Key, Mapping[str, str]], arm: str, epochs: int
) -> float | None:
    """Returns how long a trial of full length takes, from the arm's mean time per epoch."""
    paces = [row.get("seconds_per_epoch") for key, row in rows.items() if key.arm == arm]
    measured = [float(pace) for pace in paces if pace]
    return epochs * sum(measured) / len(measured) if measured else None


def is_running(folder: Path) -> bool:
    """Returns whether a run holds the study's lock, or is alive on another machine."""
    owner = store.read_json(folder / "owner.json") or {}
    if "ended" not in owner and owner.get("host", socket.gethostname()) != socket.gethostname():
        with contextlib.suppress(OSError):
            return age(folder / "owner.json") < SILENCE
    path = folder / ".lock"
    if not path.exists() or not os.access(path, os.W_OK):
        return False
    try:
        with FileLock(path, mode=0o664).acquire(timeout=0):
            return False
    except Timeout:
        return True


# ---- all studies --------------------------------------------------------------------------------


def listing(results: Path) -> Iterator[str]:
    """Yields the lines of ``--list``: each study below ``results`` with its state, size and age."""
    found = sorted(path.parent for path in results.glob("*/plan.json"))
    if not found:
        yield f"{results}: holds no study"
        return
    table = [("study", "state", "size", "last changed")]
    for folder in found:
        try:
            state = status(folder).text
        except store.StoreError as error:
            state = f"not readable: {error}"
        age = time.time() - max(path.stat().st_mtime for path in folder.iterdir())
        table.append((folder.name, state, size_text(size_of(folder)), f"{age_text(age)} ago"))
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        cells = [f"{cell:{width}}" for cell, width in zip(row[:3], widths, strict=True)]
        yield "  ".join([*cells, row[3]])


def size_of(path: Path) -> int:
    """Returns the bytes of a file, or of all files in a folder; does not follow links."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(size_of(inner) for inner in path.iterdir())


def size_text(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def age_text(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds / length)
            return f"{count} {unit}{'s' * (count > 1)}"
    return "less than a minute"


# ---- cleaning up --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cleaning:
    """What a study no longer needs: trials that it does not ask for, and finished checkpoints."""

    folder: Path
    retired: tuple[Path, ...]  # folders
    checkpoints: tuple[Path, ...]  # files

    @property
    def bytes(self) -> int:
        return sum(map(size_of, (*self.retired, *self.checkpoints)))

    def lines(self) -> Iterator[str]:
        """Yields the lines that announce what is deleted."""
        if not self.retired and not self.checkpoints:
            yield f"{self.folder}: nothing to clean"
            return
        for path in self.retired:
            yield f"{path}: a trial that the study no longer asks for"
        if self.checkpoints:
            yield f"checkpoints of {len(self.checkpoints)} trials that have ended"
        yield f"together {size_text(self.bytes)}"

    def carry_out(self) -> None:
        """Deletes the trials and checkpoints, under the study's lock.

        Raises:
            StoreError: the study is running.
        """
        lock = store.lock_study(self.folder)
        try:
            for path in self.retired:
                shutil.rmtree(path)
            for path in self.checkpoints:
                path.unlink(missing_ok=True)
        finally:
            lock.release()


def cleaning(folder: Path) -> Cleaning:
    """Finds what the study in ``folder`` no longer needs; deletes nothing yet.

    Raises:
        StoreError: it is not a study's folder.
    """
    store.load_plan(folder)
    asked = {row["id"] for row in read_rows(folder).values()}
    retired, checkpoints = [], []
    for path in sorted((folder / "trials").glob("*")):
        if path.is_symlink() or not path.is_dir():
            continue
        if path.name not in asked:
            retired.append(path)
        elif (path / CHECKPOINT).exists() and store.finished_state(path, tested=False):
            checkpoints.append(path / CHECKPOINT)
    return Cleaning(folder, tuple(retired), tuple(checkpoints))

"""Estimates from the plan how much disk space a study needs, before it starts and while it runs.

A checkpoint holds the weights and their momentum; a replicate's also holds the best weights. Only
replicates keep theirs; a search trial's is deleted when the trial ends. While a file is replaced,
its old and new versions both take space.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study import store
from study.errors import Stopped
from study.plan import Plan
from study.store.records import Key, Kind

Rows = Mapping[Key, Mapping[str, Any]]

MB = 2**20
RESERVE = 32 * MB  # for the report, the database's journal, and other programs
A_TRIAL = 20_000  # bytes: config, state, its row in the tables and in the database
AN_EPOCH = 400  # bytes: its lines in the history and the study's table, its row in the database
# Bytes for each layer and epoch of a replicate.
DIAGNOSED = {"off": 0, "scalars": 300, "distributions": 4_000}
COPIES = {Kind.SEARCH: 2, Kind.REPLICATE: 3}  # of the weights, in a checkpoint


def at_work(plan: Plan, sizes: Mapping[str, int], at_once: int) -> int:
    """Returns the bytes that the checkpoints of ``at_once`` training trials take."""
    largest = max(
        sizes[arm.name] * COPIES[Kind.REPLICATE if plan.seeds else Kind.SEARCH] for arm in plan.arms
    )
    return 2 * at_once * largest


def to_keep(plan: Plan, sizes: Mapping[str, int], rows: Rows) -> int:
    """Returns the bytes that the trials of the plan that have not begun will keep."""
    begun = Counter(key[:2] for key in rows)
    total = 0
    for arm in plan.arms:
        config, epochs = arm.config({}, 0), plan.epochs(arm)
        searches = plan.repeats * plan.search_trials(arm) - begun[arm.name, Kind.SEARCH]
        replicates = plan.repeats * len(plan.seeds) - begun[arm.name, Kind.REPLICATE]
        searches, replicates = max(0, searches), max(0, replicates)
        diagnosed = DIAGNOSED.get(plan.spec.diagnostics, DIAGNOSED["scalars"])
        diagnosed *= config.model.layers * epochs
        total += (searches + replicates) * (A_TRIAL + AN_EPOCH * epochs)
        total += replicates * (COPIES[Kind.REPLICATE] * sizes[arm.name] + diagnosed)
    return total


def text(plan: Plan, folder: Path, rows: Rows, sizes: Mapping[str, int]) -> str:
    """Returns a line for the dry run."""
    keep, work = to_keep(plan, sizes, rows), at_work(plan, sizes, 1)
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    left = plan.total_replicates - sum(key[1] == Kind.REPLICATE for key in rows)
    return (
        f"disk: about {size(keep)} more to keep (checkpoints of {max(0, left)} replicates), "
        f"{size(work)} for each trial at work, {size(RESERVE)} in reserve; "
        f"{size(store.free_bytes(place))} are free"
    )


def check(folder: Path, needed: int) -> None:
    """Raises Stopped if the disk has less space than ``needed`` bytes and the reserve."""
    free = store.free_bytes(folder)
    if free < needed + RESERVE:
        raise Stopped(
            f"{folder}: {size(free)} are free on this disk, and the study needs about "
            f"{size(needed + RESERVE)} ({size(RESERVE)} of them in reserve); "
            "make room and repeat the command"
        )


def size(number: float) -> str:
    """Returns a number of bytes in MB or GB."""
    if number < 1000 * MB:
        return f"{number / MB:.1f} MB"
    return f"{number / MB / 1024:.1f} GB"

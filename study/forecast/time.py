"""Estimates how many epochs and seconds a study still needs, from its trials so far.

Pure functions of `Tables.rows`. Every estimate is per arm, since a ResNet and an MLP have little in
common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from study.plan import Arm, Plan, Wanted
from study.store.proposals import spared
from study.store.records import Key, Kind, State

Rows = Mapping[Key, Mapping[str, Any]]

BESIDE = 1.1  # a trial takes longer than its epochs: data, diagnostics, the test set


@dataclass(frozen=True)
class Pace:
    """How long an epoch of an arm takes.

    ``trials`` says how many trials were measured; 0 if the slowest other arm stands in.
    """

    seconds: float
    trials: int


def paces(plan: Plan, rows: Rows) -> dict[str, Pace] | None:
    """Returns each arm's mean seconds per epoch over its trials; None before any measurement."""
    known: dict[str, list[float]] = {}
    for key, row in rows.items():
        if row.get("seconds_per_epoch"):
            known.setdefault(key[0], []).append(float(row["seconds_per_epoch"]))
    measured = {arm: Pace(sum(values) / len(values), len(values)) for arm, values in known.items()}
    if not measured:
        return None
    slowest = Pace(max(pace.seconds for pace in measured.values()), 0)
    return {arm.name: measured.get(arm.name, slowest) for arm in plan.arms}


def epochs_of_search(plan: Plan, arm: Arm, rows: Rows) -> float:
    """Returns how many epochs a further search trial will probably take.

    This is the mean over the arm's ended search trials, which the pruner may have stopped; without
    any, it is the full length.
    """
    ended = [
        row["epochs"] or 0
        for key, row in rows.items()
        if key[:2] == (arm.name, Kind.SEARCH) and not State(row["state"]).is_open
    ]
    if not ended:
        return float(plan.epochs(arm))
    return sum(ended) / len(ended)


@dataclass(frozen=True)
class Work:
    """Trials of one arm that are still to train, and the epochs of each."""

    arm: str
    trials: int
    epochs: float


def running(plan: Plan, rows: Rows) -> list[Work]:
    """Returns the most that running and interrupted trials still need."""
    work = []
    for key, row in rows.items():
        if State(row["state"]).is_open:
            left = plan.epochs(plan.by_name[key[0]]) - (row.get("epochs") or 0)
            work.append(Work(key[0], 1, max(0, left)))
    return work


def replicates(
    plan: Plan, rows: Rows, without: Collection[str] = (), wanted: Wanted | None = None
) -> list[Work]:
    """Returns the replicates that have not begun, except of arms ``without`` a configuration."""
    wanted = wanted or Wanted.planned(plan)
    begun = Counter(key[0] for key in rows if key[1] == Kind.REPLICATE)
    left = [
        (arm, wanted.replicates(arm.name) - begun[arm.name])
        for arm in plan.arms
        if arm.name not in without
    ]
    return [Work(arm.name, trials, plan.epochs(arm)) for arm, trials in left if trials > 0]


def searches(
    plan: Plan, rows: Rows, ended: Collection[str], wanted: Wanted | None = None
) -> list[Work]:
    """Returns the search trials that have not begun, of arms whose search has not ended."""
    wanted = wanted or Wanted.planned(plan)
    begun = Counter(key[0] for key in rows if key[1] == Kind.SEARCH)
    begun += spared(rows.values(), plan.search_seeds)
    left = [
        (arm, wanted.repeats[arm.name] * plan.search_trials(arm) - begun[arm.name])
        for arm in plan.arms
        if arm.name not in ended
    ]
    return [
        Work(arm.name, trials, epochs_of_search(plan, arm, rows))
        for arm, trials in left
        if trials > 0
    ]


def seconds(work: Iterable[Work], pace: Mapping[str, Pace], at_once: int) -> float:
    """Returns the seconds that the work takes with ``at_once`` trials at a time.

    The work is shared equally, but takes at least as long as its longest trial.
    """
    each = [(item.trials, item.epochs * pace[item.arm].seconds * BESIDE) for item in work]
    return max(
        sum(trials * time for trials, time in each) / at_once,
        max((time for _, time in each), default=0.0),
    )


def seconds_left(
    plan: Plan,
    rows: Rows,
    chosen: Mapping[tuple[str, int], Any],
    at_once: int,
    wanted: Wanted | None = None,
) -> float | None:
    """Returns the seconds that the whole study still needs; None before any measurement.

    ``chosen`` holds the configuration of every slot (arm, repeat) whose search has ended.
    """
    pace = paces(plan, rows)
    if pace is None:
        return None
    wanted = wanted or Wanted.planned(plan)
    ended, without = [], []
    for arm in plan.arms:
        slots = [(arm.name, repeat) for repeat in range(wanted.repeats[arm.name])]
        if all(slot in chosen for slot in slots):
            ended.append(arm.name)
            if all(chosen[slot] is None for slot in slots):
                without.append(arm.name)
    work = [
        *running(plan, rows),
        *replicates(plan, rows, without, wanted),
        *searches(plan, rows, ended, wanted),
    ]
    return seconds(work, pace, at_once)


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

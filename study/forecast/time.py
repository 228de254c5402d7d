"""What is left of a study in epochs and seconds, from what each arm's trials have taken so far.

Pure: rows of `Tables.rows` in, numbers out. Every figure is per arm: a ResNet and the MLP beside it
do not share a mean.
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

BESIDE = 1.1  # allows for a trial's time beside its epochs: data, diagnostics, the test set


@dataclass(frozen=True)
class Pace:
    """What an epoch of an arm takes.

    ``trials`` says how many were measured; 0 where the slowest other arm stands in.
    """

    seconds: float
    trials: int


def paces(plan: Plan, rows: Rows) -> dict[str, Pace] | None:
    """Each arm's mean seconds per epoch over its trials; None before any trial has measured one."""
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
    """How long a further search trial probably runs.

    The mean over the arm's ended ones, which pruning cuts short; else its full length.
    """
    ended = [
        row["epochs"] or 0
        for key, row in rows.items()
        if key[:2] == (arm.name, Kind.SEARCH) and not State(row["state"]).is_open
    ]
    return sum(ended) / len(ended) if ended else float(plan.epochs(arm))


@dataclass(frozen=True)
class Work:
    """Trials of one arm that are still to be trained: how many, and how many epochs each."""

    arm: str
    trials: int
    epochs: float


def running(plan: Plan, rows: Rows) -> list[Work]:
    """What running and interrupted trials still need at most."""
    work = []
    for key, row in rows.items():
        if State(row["state"]).is_open:
            left = plan.epochs(plan.by_name[key[0]]) - (row.get("epochs") or 0)
            work.append(Work(key[0], 1, max(0, left)))
    return work


def replicates(
    plan: Plan, rows: Rows, without: Collection[str] = (), wanted: Wanted | None = None
) -> list[Work]:
    """The replicates that nobody has begun, but of arms ``without`` a configuration."""
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
    """The search trials that nobody has begun, of arms whose search has not ended."""
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
    """How long the work takes with ``at_once`` trials at a time.

    An equal share for each, but never less than its longest trial.
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
    """For the whole study; None before there is a measurement.

    ``chosen``: the configuration of every slot (arm, repeat) whose search has ended.
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

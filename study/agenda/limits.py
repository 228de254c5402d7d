"""When a study must stop before its plan is done: a budget that is used up, or trials that fail in a way that will not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study import store
from study.forecast import time as estimate
from study.plan.plan import Plan
from study.store.tables import Tables

SAME_ERROR = 3  # so many first trials that all fail of one reason stop the study
ENOUGH = 10  # the share of failed trials is judged from so many on


class Stopped(KeyboardInterrupt):
    """The study has to end before its plan does. Not an Exception, so that nothing in Ray treats it as a trial's fault."""


class RayLost(Stopped):
    """Ray's own processes died; a fresh Ray can go on."""


def senseless(ended: Sequence[Mapping[str, Any]], max_failed: float) -> str | None:
    """Why going on makes no sense after the trials that ended in this run; None if it does."""
    last = ended[-1]
    failed = [state for state in ended if state["state"] == "failed"]
    first = ended[:SAME_ERROR]
    if (
        len(ended) == SAME_ERROR == len(failed)
        and len({state.get("reason") for state in first}) == 1
    ):
        return f"the first {SAME_ERROR} trials all failed with: {last['reason']}\n{last.get('tail', '')}".rstrip()
    if last.get("cause") == "disk_full":
        return f"the disk is full: {last['reason']}; make room and repeat the command"
    if len(ended) >= ENOUGH and len(failed) > max_failed * len(ended):
        share = f"{len(failed)} of {len(ended)}"
        return f"{share} trials failed, over max_failed: {max_failed:g}; the last: {failed[-1]['reason']}"
    return None


def used_up(
    plan: Plan, tables: Tables, spent_seconds: float, at_once: int, *, replicates: bool
) -> str | None:
    """Which budget the next trial would cross; None if one may start. ``replicates``: whether it is one.

    What runs is counted to its end, and before a search trial also all that the replicates still need. The next trial counts at full
    length and as one of the arm that needs most, so that no arm is served for being short and all searches end together.
    """
    budget, rows = plan.spec.budget, tables.rows
    if not any(limit for _, limit in budget):
        return None
    owed = estimate.replicates(plan, rows)
    following = owed if replicates else estimate.searches(plan, rows, ())
    if not following:
        return None
    arms = [plan.by_name[work.arm] for work in following]
    trials = len({row["id"] for row in rows.values()}) + 1
    epochs = sum(map(len, tables.lines.values())) + max(plan.epochs(arm) for arm in arms)
    work = estimate.running(plan, rows) + ([] if replicates else owed)
    pace = estimate.paces(plan, rows)
    needed = 0.0
    if pace is not None:
        slowest = max(arms, key=lambda arm: plan.epochs(arm) * pace[arm.name].seconds)
        needed = estimate.seconds(
            [*work, estimate.Work(slowest.name, 1, plan.epochs(slowest))], pace, at_once
        )
    checks = (
        (
            "trials",
            budget.trials,
            trials + (0 if replicates else sum(item.trials for item in owed)),
        ),
        ("epochs", budget.epochs, epochs + sum(item.trials * item.epochs for item in work)),
        ("hours", budget.hours, (spent_seconds + needed) / 3600),
    )
    for name, limit, used in checks:
        if limit is not None and used > limit:
            return f"the budget of {limit:g} {name} is used up" + (
                "" if replicates else " but for the replicates"
            )
    return None


def full(error: BaseException) -> Stopped | None:
    """A full disk is not our fault, whoever says it."""
    return (
        Stopped(f"the disk is full ({error}); make room and repeat the command")
        if store.is_full(error)
        else None
    )

"""What a study has used of its budget, and which part of its plan fits into the rest."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from study.forecast import time as estimate
from study.forecast.time import Work
from study.plan import Plan, Wanted
from study.store.records import Kind
from study.store.tables import Tables


@dataclass(frozen=True)
class Target:
    """A study that a budget may hold: repeats of every arm; search trials and seeds of each."""

    repeats: int
    searches: int
    seeds: int


def targets(plan: Plan, wanted: Wanted | None = None) -> list[Target]:
    """Returns targets of growing size, from the smallest comparison to all that is wanted.

    The first have one search trial and one seed of every arm, in one repeat, two, and so on. Then
    seeds and search trials grow in turn up to the plan. Last come the further repeats, or seeds,
    that undecided verdicts ask for.
    """
    wanted = wanted or Wanted.planned(plan)
    seeds = len(plan.seeds)
    searches = max(plan.search_trials(arm) for arm in plan.arms)
    step = plan.search_seeds
    first = Target(1, min(step, searches), min(1, seeds))
    steps = [Target(repeats, first.searches, first.seeds) for repeats in range(1, plan.repeats + 1)]
    while (steps[-1].searches, steps[-1].seeds) != (searches, seeds):
        last = steps[-1]
        if last.seeds < seeds:
            steps.append(Target(plan.repeats, last.searches, last.seeds + 1))
        if last.searches < searches:
            steps.append(Target(plan.repeats, last.searches + step, steps[-1].seeds))
    for repeats in range(plan.repeats + 1, max(wanted.repeats.values()) + 1):
        steps.append(Target(repeats, searches, seeds))
    for more in range(seeds + 1, max(wanted.seeds.values()) + 1):
        steps.append(Target(steps[-1].repeats, searches, more))
    return steps


class Ledger:
    """What a study has used of its budget, and what more would cost."""

    def __init__(
        self,
        plan: Plan,
        tables: Tables,
        spent_seconds: float,
        at_once: int,
        wanted: Wanted | None = None,
    ) -> None:
        self.plan, self.rows, self.at_once = plan, tables.rows, at_once
        self.wanted = wanted or Wanted.planned(plan)
        self.spent_seconds = spent_seconds
        self.trials = len({row["id"] for row in tables.rows.values()})
        self.epochs = sum(map(len, tables.lines.values()))
        self.running = estimate.running(plan, tables.rows)
        self.pace = estimate.paces(plan, tables.rows)
        self._begun = Counter(key[:3] for key in tables.rows)

    def searches(self, target: Target) -> list[Work]:
        """Returns the search trials up to a target that have not begun."""
        work = []
        for arm in self.plan.arms:
            most = min(target.searches, self.plan.search_trials(arm))
            missing = self._missing(arm.name, Kind.SEARCH, target.repeats, most)
            work.append(Work(arm.name, missing, self.plan.epochs(arm)))
        return [item for item in work if item.trials]

    def replicates(self, target: Target) -> list[Work]:
        """Returns the replicates up to a target that have not begun."""
        work = []
        for arm in self.plan.arms:
            most = min(target.seeds, self.wanted.seeds[arm.name])
            missing = self._missing(arm.name, Kind.REPLICATE, target.repeats, most)
            work.append(Work(arm.name, missing, self.plan.epochs(arm)))
        return [item for item in work if item.trials]

    def _missing(self, arm: str, kind: Kind, repeats: int, most: int) -> int:
        repeats = min(repeats, self.wanted.repeats[arm])
        begun = [self._begun[arm, kind, repeat] for repeat in range(repeats)]
        return sum(max(0, most - count) for count in begun)

    def crossed(self, work: Sequence[Work]) -> tuple[str, float, float] | None:
        """Returns the first budget that the work would exceed: its name, its limit, and the use."""
        budget = self.plan.spec.budget
        trials = self.trials + sum(item.trials for item in work)
        all_work = [*self.running, *work]
        epochs = self.epochs + sum(item.trials * item.epochs for item in all_work)
        seconds = self.spent_seconds
        if self.pace is not None:
            seconds += estimate.seconds(all_work, self.pace, self.at_once)
        checks = (
            ("trials", budget.trials, trials),
            ("epochs", budget.epochs, epochs),
            ("hours", budget.hours, seconds / 3600),
        )
        for name, limit, used in checks:
            if limit is not None and used > limit:
                return name, limit, used
        return None

    def fits(self, target: Target) -> bool:
        return self.crossed([*self.searches(target), *self.replicates(target)]) is None

    def target(self) -> Target:
        """Returns the largest target that fits into the budget; the smallest one if none fits."""
        steps = targets(self.plan, self.wanted)
        # Targets grow, so the ones that fit come first.
        fitting = bisect.bisect_left(steps, True, key=lambda step: not self.fits(step))
        return steps[max(0, fitting - 1)]

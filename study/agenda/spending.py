"""What a study has spent of its budget, and what it may still start."""

from __future__ import annotations

from study.agenda.ledger import Ledger, targets
from study.forecast import time as estimate
from study.forecast.time import Work
from study.plan import Plan, Wanted
from study.store.tables import Tables


class Spending:
    """A study's use of its budget.

    Attributes:
        seconds: how long the study's command has run, over all its runs.
        at_once: how many trials run at once.
    """

    def __init__(self, plan: Plan, tables: Tables, seconds: float = 0.0, at_once: int = 1) -> None:
        self.plan, self.tables = plan, tables
        self.seconds, self.at_once = seconds, at_once

    @property
    def is_limited(self) -> bool:
        return any(limit for _, limit in self.plan.spec.budget)

    def ledger(self, wanted: Wanted | None = None) -> Ledger:
        return Ledger(self.plan, self.tables, self.seconds, self.at_once, wanted)

    def repeats(self, wanted: Wanted) -> int:
        """Returns how many repeats the budget holds as a whole, of those wanted."""
        most = max(wanted.repeats.values())
        if most == 1 or not self.is_limited:
            return most
        return self.ledger(wanted).target().repeats

    def used_up(self, wanted: Wanted | None = None, *, replicates: bool) -> str | None:
        """Returns a note on the budget that the next trial would exceed; None if it may start.

        ``replicates`` says whether the next trial is a replicate. Running trials count with their
        full length. Before a search trial, the replicates that the budget is meant to hold count
        too. The next trial counts as one of the most expensive arm, so that cheap arms get no more
        trials than others and all searches end together.
        """
        if not self.is_limited:
            return None
        plan, rows, ledger = self.plan, self.tables.rows, self.ledger(wanted)
        owed = []
        if replicates:
            following = estimate.replicates(plan, rows, wanted=wanted)
        else:
            following = estimate.searches(plan, rows, (), wanted)
            owed = ledger.replicates(ledger.target())
        if not following:
            return None
        arms = [plan.by_name[work.arm] for work in following]

        def cost(name: str) -> float:
            pace = ledger.pace[name].seconds if ledger.pace else 1.0
            return pace * plan.epochs(plan.by_name[name])

        slowest = max((arm.name for arm in arms), key=cost)
        longest = max(arms, key=plan.epochs)
        for name in dict.fromkeys((slowest, longest.name)):
            following_trial = Work(name, 1, plan.epochs(plan.by_name[name]))
            if (crossed := ledger.crossed([*owed, following_trial])) is not None:
                rest = "" if replicates else " except for the replicates"
                return f"the budget of {crossed[1]:g} {crossed[0]} is used up{rest}"
        return None

    def why_too_small(self) -> str | None:
        """Returns why the budget cannot hold even the smallest comparison of the arms.

        None if it can, or if there is nothing left to compare.
        """
        if not self.is_limited:
            return None
        plan, ledger = self.plan, self.ledger()
        first = targets(plan)[0]
        work = [*ledger.searches(first), *ledger.replicates(first)]
        if not work or (crossed := ledger.crossed(work)) is None:
            return None
        name, limit, used = crossed
        planned = plan.total_search + plan.total_replicates
        return (
            f"budget.{name}: {limit:g} {name} are too few for one search trial and one seed of "
            f"each of the {len(plan.arms)} arms, which need {used:.3g}; the whole plan has "
            f"{planned} trials"
        )

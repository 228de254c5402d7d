"""How much of each arm a study is to have by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from study.plan.plan import Plan


@dataclass(frozen=True)
class Wanted:
    """How many repeats each arm is to have, and how many seeds of each repeat.

    Those of the study file; more where a verdict is open and ``until: decided`` asks for more.
    """

    repeats: Mapping[str, int]
    seeds: Mapping[str, int]

    @classmethod
    def planned(cls, plan: Plan) -> Wanted:
        """What the study file asks of every arm, whatever comes out."""
        arms = plan.by_name
        return cls(dict.fromkeys(arms, plan.repeats), dict.fromkeys(arms, len(plan.seeds)))

    def replicates(self, arm: str) -> int:
        """How many replicates an arm is to have in all."""
        return self.repeats[arm] * self.seeds[arm]

    def trials(self, plan: Plan) -> int:
        """How many trials the study is to have."""
        total = 0
        for arm in plan.arms:
            total += self.repeats[arm.name] * plan.search_trials(arm)
            total += self.replicates(arm.name)
        return total

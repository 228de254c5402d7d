"""How many repeats and seeds of each arm a study should have by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from study.plan.plan import Plan


@dataclass(frozen=True)
class Wanted:
    """How many repeats each arm should have, and how many seeds in each repeat.

    These are the study file's numbers, or more if ``until: decided`` asks for more.
    """

    repeats: Mapping[str, int]
    seeds: Mapping[str, int]

    @classmethod
    def planned(cls, plan: Plan) -> Wanted:
        """Returns the numbers of the study file, before any result is known."""
        arms = plan.by_name
        return cls(dict.fromkeys(arms, plan.repeats), dict.fromkeys(arms, len(plan.seeds)))

    def replicates(self, arm: str) -> int:
        """Returns how many replicates an arm should have in all."""
        return self.repeats[arm] * self.seeds[arm]

    def trials(self, plan: Plan) -> int:
        """Returns how many trials the study should have."""
        total = 0
        for arm in plan.arms:
            total += self.repeats[arm.name] * plan.search_trials(arm)
            total += self.replicates(arm.name)
        return total

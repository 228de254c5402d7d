"""Which configuration an arm's replicates train, for each repeat of its search."""

from __future__ import annotations

import math
from collections.abc import Callable

from eisnn.config.trial import TrialConfig, resolved, trial_id
from eisnn.errors import ConfigError
from study.agenda.job import Job
from study.plan import Arm, Plan
from study.search.proposal import Proposal, Slot
from study.store.proposals import by_proposal
from study.store.records import Kind, Role, State
from study.store.tables import Row, Tables


class Choices:
    """Configurations by slot (arm, repeat), each fixed once its search has ended."""

    def __init__(self, plan: Plan, tables: Tables) -> None:
        self.plan, self.tables = plan, tables
        self.made: dict[Slot, Proposal | None] = {}  # None: the search found nothing to replicate
        self.problem: str | None = None  # why an arm cannot have a configuration
        self._proposals: dict[Slot, dict[int, Proposal]] = {}
        self._configs: dict[Slot, TrialConfig] = {}

    def propose(self, slot: Slot, proposal: Proposal) -> None:
        """Remembers a search trial, whose values may be chosen later."""
        self._proposals.setdefault(slot, {})[proposal.number] = proposal

    def proposal(self, slot: Slot, number: int) -> Proposal:
        """Returns the search trial with this number."""
        return self._proposals[slot][number]

    def update(self, is_open: Callable[[Slot], bool]) -> None:
        """Fixes every configuration that can be fixed; ``is_open`` tells if a search continues."""
        for repeat in range(self.plan.most_repeats):
            for arm in self.plan.arms:
                if (arm.name, repeat) not in self.made:
                    self._fix(arm, repeat, is_open)

    def _fix(self, arm: Arm, repeat: int, is_open: Callable[[Slot], bool]) -> None:
        slot = (arm.name, repeat)
        reference = (self.plan.reference.name, repeat)
        if arm.tuned:
            if not is_open(slot):
                self.made[slot] = self.best(slot)
        elif self.plan.spec.tune == "reference" and self.plan.reference.tuned:
            if reference in self.made:
                self.made[slot] = self._borrowed(arm, self.made[reference])
        else:
            self.made[slot] = Proposal(-1, {}, None)

    def best(self, slot: Slot) -> Proposal | None:
        """Returns the completed search trial with the best metric; ties go to the lowest number.

        If none completed, returns the pruned or diverged one with the best metric, so that its
        replicates show whether it fails with other seeds too.
        """
        metric = self.plan.spec.metric
        sign = 1 if metric.mode == "max" else -1
        rows = by_proposal(self.tables.of(slot[0], Kind.SEARCH, slot[1]), self.plan.search_seeds)
        candidates = [
            row
            for row in rows
            if row["state"] == State.COMPLETED and row.get(metric.name) is not None
        ]
        candidates = [row for row in candidates if self._keeps_constraints(row)] or candidates
        if not candidates:
            candidates = [row for row in rows if row["state"] in (State.PRUNED, State.DIVERGED)]
        if not candidates:
            return None

        def rank(row: Row) -> tuple[float, int]:
            value = row.get(metric.name)
            return (math.inf if value is None else -sign * value, row["number"])

        return self.proposal(slot, min(candidates, key=rank)["number"])

    def _keeps_constraints(self, row: Row) -> bool:
        search = self.plan.spec.search
        return search is None or all(beyond <= 0 for beyond in search.violations(row).values())

    def _borrowed(self, arm: Arm, reference: Proposal | None) -> Proposal | None:
        """Returns the reference's values of the parameters that this arm has (tune: reference)."""
        if reference is None:
            return None
        values = {path: value for path, value in reference.parameters.items() if path in arm.space}
        try:
            arm.config(values, 0)
        except ConfigError as error:
            self.problem = f"{error}"
            return None
        return Proposal(-1, values, None)

    def replicate(self, slot: Slot, number: int) -> Job:
        """Returns the replicate with this number, of the slot's chosen configuration."""
        proposal = self.made[slot]
        assert proposal is not None
        arm, repeat = slot
        if slot not in self._configs:  # checked once, not for every seed
            self._configs[slot] = self.plan.by_name[arm].config(proposal.parameters, 0)
        seed = self.plan.seed(repeat, number)
        config = self._configs[slot].model_copy(update={"seed": seed})
        role = Role(arm, Kind.REPLICATE, number, repeat, proposal.parameters)
        return Job(trial_id(config), role, seed, resolved(config))

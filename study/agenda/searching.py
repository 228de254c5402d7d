"""The searches of all arms and repeats: their proposals, and which of them continue."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from eisnn.config.trial import resolved, trial_id
from study import store
from study.agenda.choices import Choices
from study.agenda.job import Job
from study.agenda.outcomes import Outcomes
from study.agenda.queue import Queue
from study.plan import Plan
from study.search.arm_search import ArmSearch
from study.search.proposal import Proposal, Slot
from study.store.records import Kind, Outcome, Role


class Searching:
    """Turns proposals into jobs, and asks the pruner after each epoch."""

    def __init__(
        self,
        plan: Plan,
        searches: Mapping[Slot, ArmSearch],
        queue: Queue,
        choices: Choices,
        outcomes: Outcomes,
    ) -> None:
        self.plan, self.searches, self.queue = plan, searches, queue
        self.choices, self.outcomes = choices, outcomes

    def ask(self, slots: Iterable[Slot], on_end: Callable[[], None]) -> Job | None:
        """Returns the next job of the search with the fewest trials, so that all keep pace.

        Calls ``on_end`` when a search has nothing more to propose.
        """
        flying = self.queue.flying()
        may_propose = [slot for slot in slots if self.has_more(slot)]
        for slot in sorted(may_propose, key=lambda slot: (flying[slot], self.searches[slot].count)):
            proposal = self.searches[slot].ask()
            if proposal is not None:
                self.choices.propose(slot, proposal)
                return self.job(slot, proposal)
            on_end()
        return None

    def has_more(self, slot: Slot) -> bool:
        """Returns whether a search may propose a further trial."""
        search = self.searches[slot]
        return search.count < search.budget and slot not in self.choices.made

    def job(self, slot: Slot, proposal: Proposal, index: int = 0) -> Job:
        """Returns the job of a proposal, for the training seed number ``index``."""
        assert proposal.id is not None
        arm, repeat = slot
        seed = self.searches[slot].seeds[index]
        config = self.plan.by_name[arm].config(proposal.parameters, seed)
        identity = trial_id(config) if index else proposal.id
        role = Role(arm, Kind.SEARCH, proposal.number, repeat, proposal.parameters, index)
        job = Job(identity, role, seed, resolved(config), proposal.stopped_at)
        return self.outcomes.with_history(job)

    def following(self, job: Job, outcome: Outcome) -> Job | None:
        """Returns the same configuration with its next seed; None if that is not trained."""
        if not job.is_search:
            return None
        search, index = self.searches[job.slot], job.role.seed_index
        if not search.goes_on(job.number, index, outcome.state, outcome.metrics):
            return None
        proposal = self.choices.proposal(job.slot, job.number)
        return self.job(job.slot, proposal, index + 1)

    def goes_on(
        self, affordable: Collection[Slot], out_of_budget: Callable[[], bool]
    ) -> Callable[[Slot], bool]:
        """Returns a function that says whether a search has trials running or still to come."""
        busy = self.queue.busy_searches()
        budget: list[bool] = []  # estimated over all rows, so at most once

        def is_open(slot: Slot) -> bool:
            if busy[slot] or slot not in affordable:
                return True
            if not self.has_more(slot):
                return False
            if not budget:
                budget.append(not out_of_budget())
            return budget[0]

        return is_open

    def is_stopped(self, job: Job, row: Mapping[str, Any]) -> bool:
        """Returns whether the pruner stops a trial after this epoch, or did before a crash."""
        epoch, value = int(row["epoch"]), row.get(self.metric_of_epochs)
        if not job.is_search or value is None:
            return False
        if self.plan.spec.metric.name == "val/accuracy_best":
            value = max(float(value), self._best_before(job, epoch))
        return self.searches[job.slot].should_stop(job.number, epoch, float(value))

    @property
    def metric_of_epochs(self) -> str:
        """The epoch's column from which the search's metric is computed."""
        return self.plan.spec.metric.name.removesuffix("_best")

    def _best_before(self, job: Job, epoch: int) -> float:
        rows = store.read_history(self.outcomes.place(job)) or []
        values = [row.get(self.metric_of_epochs, 0.0) for row in rows[: epoch - 1]]
        return max(values, default=0.0)

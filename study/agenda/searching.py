"""The searches of all arms and repeats: what they propose, and which of them go on."""

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
    """Proposals become jobs, and epochs ask the pruner."""

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
        """The next proposal of the search that has had fewest: all come forward together.

        ``on_end`` is called where a search has nothing more to propose.
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
        """Whether a search may propose a further trial."""
        search = self.searches[slot]
        return search.count < search.budget and slot not in self.choices.made

    def job(self, slot: Slot, proposal: Proposal, index: int = 0) -> Job:
        """The search trial that a proposal asks for; ``index`` counts its training seeds."""
        assert proposal.id is not None
        arm, repeat = slot
        seed = self.searches[slot].seeds[index]
        config = self.plan.by_name[arm].config(proposal.parameters, seed)
        identity = trial_id(config) if index else proposal.id
        role = Role(arm, Kind.SEARCH, proposal.number, repeat, proposal.parameters, index)
        job = Job(identity, role, seed, resolved(config), proposal.stopped_at)
        return self.outcomes.with_history(job)

    def following(self, job: Job, outcome: Outcome) -> Job | None:
        """The same configuration from its next seed, if that is to be trained."""
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
        """A function that says whether a search has trials to come, or not at their end."""
        busy = self.queue.busy_searches()
        budget: list[bool] = []  # asked at most once: it is an estimate over all rows

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
        """Whether the pruner stops a trial after the epoch of ``row``, now or before a crash."""
        epoch, value = int(row["epoch"]), row.get(self.metric_of_epochs)
        if not job.is_search or value is None:
            return False
        if self.plan.spec.metric.name == "val/accuracy_best":
            value = max(float(value), self._best_before(job, epoch))
        return self.searches[job.slot].should_stop(job.number, epoch, float(value))

    @property
    def metric_of_epochs(self) -> str:
        """The column of the epochs that the search's metric is made of."""
        return self.plan.spec.metric.name.removesuffix("_best")

    def _best_before(self, job: Job, epoch: int) -> float:
        rows = store.read_history(self.outcomes.place(job)) or []
        values = [row.get(self.metric_of_epochs, 0.0) for row in rows[: epoch - 1]]
        return max(values, default=0.0)

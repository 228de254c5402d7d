"""What is to be trained next over all arms, and what came of it: the plan minus the store.

Knows neither Ray nor processes: `study.execution.execute` asks for jobs and says how they end.
Each end is durable in the trial's folder before Optuna is told, and told before the next question
depends on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eisnn.config.trial import resolved
from study import store
from study.agenda.choices import Choices
from study.agenda.job import Job
from study.agenda.limits import Ledger, senseless, used_up
from study.agenda.outcomes import Outcomes
from study.agenda.queue import Queue
from study.agenda.replicates import Replicates
from study.plan import Plan
from study.search.arm_search import ArmSearch, Proposal, Slot
from study.store.records import Kind, Order, Outcome, Role, State
from study.store.tables import Tables


class Agenda:
    """The study's open and closed questions."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        searches: Mapping[Slot, ArmSearch],
        spent_seconds: float = 0.0,
    ) -> None:
        self.folder, self.plan, self.searches = folder, plan, dict(searches)
        spec = plan.spec
        arms, own = [arm.name for arm in plan.arms], list(spec.user_metrics)
        self.tables = Tables(folder, arms, list(spec.parameters), own)
        self.queue = Queue()
        self.choices = Choices(plan, self.tables)
        self.replicates = Replicates(plan, self.choices, self.tables)
        self.outcomes = Outcomes(folder, plan, self.searches, self.tables)
        self.spent_seconds = spent_seconds
        self.concurrency = 1
        self.budget_note: str | None = None  # which budget kept something from starting
        self._problem: str | None = None
        self._ended: list[Outcome] = []  # in this run
        self._deaths: Counter[str] = Counter()  # of workers, by trial

    # ---- what is known

    @property
    def running(self) -> Mapping[str, Job]:
        """The jobs that run, by the ids of their trials."""
        return self.queue.running

    @property
    def chosen(self) -> Mapping[Slot, Proposal | None]:
        """The configurations of searches that have ended; None where there is none."""
        return self.choices.made

    @property
    def fatal(self) -> str | None:
        """Why the study must stop."""
        return self._problem or self.choices.problem

    @property
    def planned(self) -> int:
        """How many trials the study is to have by now."""
        return self.plan.total_search + self.replicates.total

    @property
    def finished(self) -> bool:
        """Nothing runs, and nothing is left that could be started."""
        if self.queue.running:
            return False
        if self.fatal:
            return True
        if self.queue.waiting or any(map(self._search_goes_on(), self._affordable())):
            return False
        return self.replicates.next() is None or self.out_of_budget(replicates=True)

    def out_of_budget(self, *, replicates: bool) -> bool:
        """Whether the study may start nothing more.

        Search leaves what the replicates are estimated to need.
        """
        note = used_up(
            self.plan, self.tables, self.spent_seconds, self.concurrency, replicates=replicates
        )
        self.budget_note = note or self.budget_note
        return note is not None

    # ---- what next

    def next(self) -> Job | None:
        """The next trial to train; None if nothing can start before another one ends."""
        while not self.fatal and (job := self._candidate()) is not None:
            if self._start(job):
                return job
        return None

    def _candidate(self) -> Job | None:
        if any(job.alone for job in self.queue.running.values()):
            return None
        if (job := self.queue.take()) is not None:
            return job
        if self.queue.is_blocked or self.out_of_budget(replicates=True):
            return None
        searching = not self.out_of_budget(replicates=False)
        if not searching:
            self.choose()
        if (replicate := self.replicates.next()) is not None:
            self.replicates.give(replicate)
            return self.outcomes.with_history(self.replicates.job(replicate))
        return self._ask() if searching else None

    def _ask(self) -> Job | None:
        """The next proposal of the search that has had fewest: all come forward together."""
        flying = self.queue.flying()
        may_propose = [slot for slot in self._affordable() if self._has_more(slot)]
        for slot in sorted(may_propose, key=lambda slot: (flying[slot], self.searches[slot].count)):
            proposal = self.searches[slot].ask()
            if proposal is not None:
                self.choices.propose(slot, proposal)
                return self.search_job(slot, proposal)
            self.choose()  # this search has nothing more to propose
        return None

    def _has_more(self, slot: Slot) -> bool:
        search = self.searches[slot]
        return search.count < search.budget and slot not in self.chosen

    def search_job(self, slot: Slot, proposal: Proposal) -> Job:
        assert proposal.id is not None
        arm, repeat = slot
        seed = self.searches[slot].seed
        config = resolved(self.plan.by_name[arm].config(proposal.parameters, seed))
        role = Role(arm, Kind.SEARCH, proposal.number, repeat, proposal.parameters)
        job = Job(proposal.id, role, seed, config, proposal.stopped_at)
        return self.outcomes.with_history(job)

    def order(self, job: Job, *, environment: str = "", code: str | None = None) -> Order:
        """What a worker is told of a job, before it gets its part of the machine.

        ``environment`` and ``code`` are the keys of the surroundings and of the code that trains.
        """
        return Order(
            job.id,
            job.config,
            folder=str(self.outcomes.place(job).absolute()),
            role=job.role,
            test=not job.is_search,
            anew=job.anew,
            alone=job.alone,
            diagnose="off" if job.is_search else self.plan.spec.diagnostics,
            metrics={name: own.function for name, own in self.plan.spec.user_metrics.items()},
            environment=environment,
            folders=self.plan.folders,
            code=code,
        )

    def _start(self, job: Job) -> bool:
        """Whether the job is to be trained: its outcome may be known, or the trial run already."""
        if job.id not in self.queue.running and (outcome := self.outcomes.settled(job)) is not None:
            self.record(job, outcome)
            self.choose()
            return False
        if not self.queue.start(job):
            return False
        self.outcomes.begin(job)
        return True

    # ---- news of a job

    def epoch(self, job: Job, row: Mapping[str, Any]) -> bool:
        """Takes note of an epoch; True if the pruner stops the trial, now or before a crash."""
        self.tables.add_epoch(job.id, row)
        epochs, pace = self.tables.epochs(job.id), self._pace(job, row)
        self.tables.put(job.key, {"epochs": epochs, "seconds_per_epoch": pace})
        epoch, value = int(row["epoch"]), row.get(self.metric_of_epochs)
        if not job.is_search or value is None:
            return False
        if self.plan.spec.metric.name == "val/accuracy_best":
            value = max(float(value), self._best_before(job, epoch))
        stop = self.searches[job.slot].should_stop(job.number, epoch, float(value))
        if stop:
            self.queue.replace(replace(job, stopped_at=epoch))
        return stop

    def _pace(self, job: Job, row: Mapping[str, Any]) -> float:
        """The trial's mean seconds per epoch so far, for estimates; its end brings its own."""
        before = self.tables.rows[job.key].get("seconds_per_epoch") or 0.0
        return float(before + (row["seconds"] - before) / int(row["epoch"]))

    @property
    def metric_of_epochs(self) -> str:
        """The column of the epochs that the search's metric is made of."""
        return self.plan.spec.metric.name.removesuffix("_best")

    def _best_before(self, job: Job, epoch: int) -> float:
        rows = store.read_history(self.outcomes.place(job)) or []
        values = [row.get(self.metric_of_epochs, 0.0) for row in rows[: epoch - 1]]
        return max(values, default=0.0)

    def end(
        self,
        job: Job,
        outcome: Outcome | None,
        error: str | None = None,
        *,
        machine_lost: bool = False,
    ) -> Outcome:
        """Records how a job ended.

        ``outcome`` is what the worker handed over, ``error`` what is known of its death.
        ``machine_lost``: it died with its machine, which says nothing about the trial.
        """
        job = self.queue.end(job)
        found = self.outcomes.of(job)
        if found is None:
            reason = error or "the worker ended without an outcome"
            once_more = machine_lost or self._deaths[job.id] < self.plan.spec.retry.dead_worker
            if outcome is None and once_more:
                self._deaths[job.id] += not machine_lost
                return self._once_more(job, reason)
            found = outcome or self.outcomes.failed(job, reason, "dead_worker")
        in_company = found.state == State.OUT_OF_MEMORY and not job.alone
        if in_company and self.plan.spec.retry.out_of_memory:
            return self._once_more(replace(job, alone=True, anew=True), found.reason)
        for one in [job, *self.queue.followers_of(job)]:
            self.record(one, found)
        self.choose()
        self._ended.append(found)
        self._problem = self._problem or senseless(self._ended, self.plan.spec.max_failed)
        return found

    def _once_more(self, job: Job, reason: str | None) -> Outcome:
        """Puts a job in front of what waits: its worker died, or it shall run alone."""
        self.queue.add_first(job)
        self.tables.put(job.key, {"state": State.INTERRUPTED, "reason": reason})
        epochs = self.tables.epochs(job.id)
        return Outcome(job.id, State.INTERRUPTED, job.seed, reason=reason, epochs=epochs)

    def record(self, job: Job, outcome: Outcome) -> None:
        """Takes note of a trial's end."""
        self.outcomes.record(job, outcome)
        self.replicates.look_again()
        if not job.is_search:
            self.replicates.give(job.key)

    def resume(self, job: Job) -> None:
        """Takes up a trial that an earlier run began."""
        self.queue.add(job)

    def interrupt(self) -> None:
        """Marks what ran as interrupted, once its workers are gone."""
        self.outcomes.interrupt(self.queue.running.values())

    def close(self) -> None:
        """The end of a run."""
        self.outcomes.close()

    # ---- searches

    def choose(self) -> None:
        """Fixes the configurations of the searches that have ended."""
        self.choices.update(self._search_goes_on())
        self.replicates.look_again()

    def _search_goes_on(self) -> Callable[[Slot], bool]:
        """A function that says whether a search has trials to come, or not at their end."""
        busy = self.queue.busy_searches()
        affordable = set(self._affordable())
        budget: list[bool] = []  # asked at most once: it is an estimate over all rows

        def goes_on(slot: Slot) -> bool:
            if busy[slot] or slot not in affordable:
                return True
            if not self._has_more(slot):
                return False
            if not budget:
                budget.append(not self.out_of_budget(replicates=False))
            return budget[0]

        return goes_on

    def _affordable(self) -> list[Slot]:
        """The searches of the repeats that the budget can hold; later estimates may hold more."""
        repeats = self.plan.repeats
        if repeats > 1 and any(limit for _, limit in self.plan.spec.budget):
            repeats = self._ledger().target().repeats
        return [slot for slot in self.searches if slot[1] < repeats]

    def _ledger(self) -> Ledger:
        return Ledger(self.plan, self.tables, self.spent_seconds, self.concurrency)

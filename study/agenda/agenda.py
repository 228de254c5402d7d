"""What is to be trained next over all arms, and what came of it: the plan minus the store.

Knows neither Ray nor processes: `study.execution.execute` asks for jobs and says how they end.
Each end is durable in the trial's folder before Optuna is told, and told before the next question
depends on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from eisnn.config.trial import resolved
from study import store
from study.agenda.choices import Choices
from study.agenda.deciding import Deciding
from study.agenda.job import Job
from study.agenda.limits import Ledger, senseless, used_up
from study.agenda.outcomes import Outcomes
from study.agenda.queue import Queue
from study.plan import Plan
from study.plan.record import of_data
from study.search.arm_search import ArmSearch, Proposal, Slot
from study.store.records import Key, Kind, Order, Outcome, Role, State
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
        self.deciding = Deciding(plan, **of_data(plan))
        self.outcomes = Outcomes(folder, plan, self.searches, self.tables)
        self.spent_seconds = spent_seconds
        self.concurrency = 1
        self.budget_note: str | None = None  # which budget kept something from starting
        self._problem: str | None = None
        self._seeds: Mapping[str, int] | None = None  # until a trial ends, or an arm is chosen
        self._given: set[Key] = set()  # replicates handed out or ended
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
    def slots(self) -> Iterator[Slot]:
        """Every arm in every repeat: first all arms of the first repeat."""
        for repeat in range(self.plan.repeats):
            for arm in self.plan.arms:
                yield arm.name, repeat

    @property
    def finished(self) -> bool:
        """Nothing runs, and nothing is left that could be started."""
        if self.queue.running:
            return False
        if self.fatal:
            return True
        if self.queue.waiting or any(map(self._search_goes_on(), self._affordable())):
            return False
        return self._next_replicate() is None or self.out_of_budget(replicates=True)

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
            self._choose()
        if (replicate := self._next_replicate()) is not None:
            self._given.add(replicate)
            return self.outcomes.with_history(self.replicate(replicate))
        return self._ask() if searching else None

    def _next_replicate(self) -> Key | None:
        """The first replicate that nobody has begun: one of every arm and repeat, then more."""
        for key in self.replicates():
            if key not in self._given:
                return key
        return None

    def replicates(self) -> Iterator[Key]:
        """The replicates of arms that have their configuration: one of each, then more."""
        seeds = self.seeds()
        for number in range(max(seeds.values())):
            for arm, repeat in self.slots:
                if number < seeds[arm] and self.chosen.get((arm, repeat)) is not None:
                    yield Key(arm, Kind.REPLICATE, repeat, number)

    def seeds(self) -> Mapping[str, int]:
        """How many seeds each arm is to have by now; more than planned where a verdict is open."""
        if self.plan.spec.replicate.until is None:
            return dict.fromkeys(self.plan.by_name, len(self.plan.seeds))
        if self._seeds is None:
            self._seeds = self.deciding.seeds(self.tables.rows, self._without())
        return self._seeds

    @property
    def planned(self) -> int:
        """How many trials the study is to have by now."""
        return self.plan.total_search + self.plan.repeats * sum(self.seeds().values())

    def undecided(self) -> list[tuple[str, str]]:
        """The comparisons that ``replicate.until`` leaves open."""
        return self.deciding.open(self.tables.rows, self._without())

    def _without(self) -> frozenset[str]:
        """Arms without a configuration to replicate."""
        return frozenset(arm for (arm, _), found in self.chosen.items() if found is None)

    def replicate(self, key: Key) -> Job:
        return self.choices.replicate((key.arm, key.repeat), key.number)

    def _ask(self) -> Job | None:
        """The next proposal of the search that has had fewest: all come forward together."""
        flying = self.queue.flying()
        may_propose = [slot for slot in self._affordable() if self._has_more(slot)]
        for slot in sorted(may_propose, key=lambda slot: (flying[slot], self.searches[slot].count)):
            proposal = self.searches[slot].ask()
            if proposal is not None:
                self.choices.propose(slot, proposal)
                return self.search_job(slot, proposal)
            self._choose()  # this search has nothing more to propose
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
            self._choose()
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
        self._choose()
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
        self._seeds = None
        if not job.is_search:
            self._given.add(job.key)

    def resume(self, job: Job) -> None:
        """Takes up a trial that an earlier run began."""
        self.queue.add(job)

    def choose(self) -> None:
        """Fixes the configurations of the searches that have ended."""
        self._choose()

    def interrupt(self) -> None:
        """Marks what ran as interrupted, once its workers are gone."""
        self.outcomes.interrupt(self.queue.running.values())

    def close(self) -> None:
        """The end of a run."""
        self.outcomes.close()

    # ---- searches

    def _choose(self) -> None:
        self.choices.update(self._search_goes_on())
        self._seeds = None

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

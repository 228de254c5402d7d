"""Decides what to train next over all arms, and records the results: the plan minus the store.

Knows neither Ray nor processes: `study.execution.execute` asks for jobs and reports how they end.
A trial's end is durable in its folder before Optuna is told of it, and Optuna knows it before the
next proposal depends on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from study import store
from study.agenda.choices import Choices
from study.agenda.job import Job
from study.agenda.limits import senseless
from study.agenda.outcomes import Outcomes
from study.agenda.queue import Queue
from study.agenda.replicates import Replicates
from study.agenda.searching import Searching
from study.agenda.spending import Spending
from study.plan import Plan, Wanted
from study.search.arm_search import ArmSearch
from study.search.proposal import Proposal, Slot
from study.store.records import Order, Outcome, State
from study.store.tables import Tables


class Agenda:
    """Everything that a study still has to train, and how its trials have ended so far."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        searches: Mapping[Slot, ArmSearch],
        open_search: Callable[[Slot], None],
        spent_seconds: float = 0.0,
    ) -> None:
        self.folder, self.plan, self.searches = folder, plan, dict(searches)
        self.open_search = open_search
        spec = plan.spec
        overrides = {arm.name: arm.overrides for arm in plan.arms}
        self.tables = Tables(
            folder,
            list(overrides),
            list(spec.parameters),
            list(spec.metrics),
            plan.search_seeds,
            overrides,
        )
        self.spending = Spending(plan, self.tables, spent_seconds)
        self.queue = Queue()
        self.choices = Choices(plan, self.tables)
        self.replicates = Replicates(plan, self.choices, self.tables, self._held)
        self.outcomes = Outcomes(folder, plan, self.searches, self.tables)
        self.searching = Searching(plan, self.searches, self.queue, self.choices, self.outcomes)
        self._budget_note: str | None = None
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
        """How many trials the study should have in all, as far as is known now."""
        spared = store.spared(self.tables.rows.values(), self.plan.search_seeds).total()
        return self.wanted.trials(self.plan) - spared

    @property
    def wanted(self) -> Wanted:
        """How many repeats and seeds each arm should have, as far as is known now."""
        return self.replicates.wanted()

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing is left that could be started."""
        if self.queue.running:
            return False
        if self.fatal:
            return True
        if self.queue.waiting or any(map(self._search_goes_on(), self._affordable())):
            return False
        return self.replicates.next() is None or self.out_of_budget(replicates=True)

    # ---- what next

    def next(self) -> Job | None:
        """Returns the next trial to train; None if nothing can start before another one ends."""
        while not self.fatal and (job := self._candidate()) is not None:
            if self._start(job):
                return job
        return None

    def _candidate(self) -> Job | None:
        if any(job.alone for job in self.queue.running.values()):
            return None
        if (job := self.queue.take(self.outcomes.is_held)) is not None:
            return job
        if self.queue.is_blocked or self.out_of_budget(replicates=True):
            return None
        searching = not self.out_of_budget(replicates=False)
        if not searching:
            self.choose()
        if (replicate := self.replicates.next()) is not None:
            self.replicates.give(replicate)
            return self.outcomes.with_history(self.replicates.job(replicate))
        if not searching:
            return None
        return self.searching.ask(self._affordable(), self.choose)

    def order(self, job: Job, *, environment: str = "", code: str | None = None) -> Order:
        """Returns a worker's order for a job, still without its part of the machine.

        ``environment`` names the surroundings, and ``code`` the code that must train.
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
            metrics={name: own.function for name, own in self.plan.spec.metrics.items()},
            environment=environment,
            folders=self.plan.folders,
            code=code,
        )

    def _start(self, job: Job) -> bool:
        """Returns whether to train the job: its outcome may be known, or its trial be running."""
        if job.id not in self.queue.running and (outcome := self.outcomes.settled(job)) is not None:
            self.record(job, outcome)
            self._go_on(job, outcome)
            self.choose()
            return False
        if not self.queue.start(job):
            return False
        self.outcomes.begin(job)
        return True

    # ---- news of a job

    def epoch(self, job: Job, row: Mapping[str, Any]) -> bool:
        """Records an epoch; returns True if the pruner stops the trial, now or before a crash."""
        self.tables.add_epoch(job.id, row)
        epochs, pace = self.tables.epochs(job.id), self._pace(job, row)
        self.tables.put(job.key, {"epochs": epochs, "seconds_per_epoch": pace})
        stop = self.searching.is_stopped(job, row)
        if stop:
            self.queue.replace(replace(job, stopped_at=int(row["epoch"])))
        return stop

    def _pace(self, job: Job, row: Mapping[str, Any]) -> float:
        """Returns the trial's mean seconds per epoch so far, which its outcome will replace."""
        before = self.tables.rows[job.key].get("seconds_per_epoch") or 0.0
        return float(before + (row["seconds"] - before) / int(row["epoch"]))

    def end(
        self,
        job: Job,
        outcome: Outcome | None,
        error: str | None = None,
        *,
        machine_lost: bool = False,
    ) -> Outcome:
        """Records how a job ended.

        ``outcome`` comes from the worker; ``error`` describes the worker's death.
        ``machine_lost`` says that it died with its machine, through no fault of the trial.
        """
        job = self.queue.end(job)
        found = self.outcomes.of(job)
        if found is None:
            reason = error or "the worker ended without an outcome"
            once_more = machine_lost or self._deaths[job.id] < self.plan.spec.retry.dead_worker
            if outcome is None and once_more:
                self._deaths[job.id] += not machine_lost
                return self._once_more(job, reason, lost=machine_lost)
            found = outcome or self.outcomes.failed(job, reason, "dead_worker")
        in_company = found.state == State.OUT_OF_MEMORY and not job.alone
        if in_company and self.plan.spec.retry.out_of_memory:
            return self._once_more(replace(job, alone=True, anew=True), found.reason)
        for one in [job, *self.queue.followers_of(job)]:
            self.record(one, found)
            self._go_on(one, found)
        self.choose()
        self._ended.append(found)
        self._problem = self._problem or senseless(self._ended, self.plan.spec.max_failed)
        return found

    def _once_more(self, job: Job, reason: str | None, *, lost: bool = False) -> Outcome:
        """Puts a job first in the queue, because its worker died or it must run alone."""
        self.queue.add_first(job, lost=lost)
        self.tables.put(job.key, {"state": State.INTERRUPTED, "reason": reason})
        epochs = self.tables.epochs(job.id)
        return Outcome(job.id, State.INTERRUPTED, job.seed, reason=reason, epochs=epochs)

    def record(self, job: Job, outcome: Outcome) -> None:
        """Records a trial's end."""
        self.outcomes.record(job, outcome)
        self.replicates.look_again()
        if not job.is_search:
            self.replicates.give(job.key)

    def _go_on(self, job: Job, outcome: Outcome) -> None:
        if (following := self.searching.following(job, outcome)) is not None:
            self.queue.add(following)

    def resume(self, job: Job) -> None:
        """Queues a trial that an earlier run began."""
        self.queue.add(job)

    def interrupt(self) -> None:
        """Marks the running trials as interrupted, once their workers are gone."""
        self.outcomes.interrupt(self.queue.running.values())

    def close(self) -> None:
        """Ends a run."""
        self.outcomes.close()

    # ---- searches

    def choose(self) -> None:
        """Fixes the configurations of the searches that have ended."""
        self._open_further()
        self.choices.update(self._search_goes_on())
        self.replicates.look_again()

    def _open_further(self) -> None:
        """Opens the searches of the further repeats that undecided verdicts ask for."""
        if not self.plan.grows_by_repeats:
            return
        for arm, repeat in list(self.replicates.slots()):
            if self.plan.by_name[arm].tuned and (arm, repeat) not in self.searches:
                self.open_search((arm, repeat))

    def _search_goes_on(self) -> Callable[[Slot], bool]:
        affordable = set(self._affordable())
        return self.searching.goes_on(affordable, lambda: self.out_of_budget(replicates=False))

    def _affordable(self) -> list[Slot]:
        """Returns the searches that the budget can hold by now; a later estimate may hold more."""
        wanted = self.wanted
        held = self.spending.repeats(wanted)
        return [slot for slot in self.searches if slot[1] < min(held, wanted.repeats[slot[0]])]

    # ---- the budget

    def out_of_budget(self, *, replicates: bool) -> bool:
        """Returns whether the budget allows no further replicate, or no further search trial.

        Searches leave as much of the budget as the replicates are estimated to need.
        """
        note = self.spending.used_up(self.wanted, replicates=replicates)
        self._budget_note = note or self._budget_note
        return note is not None

    @property
    def budget_note(self) -> str | None:
        """Which budget kept something from starting; None if none did."""
        if self._budget_note is None and self.wanted != self.replicates.asked():
            return "the budget holds no further repeat, which undecided verdicts ask for"
        return self._budget_note

    def _held(self, asked: Wanted) -> Wanted:
        """Returns ``asked`` without the further repeats that the budget cannot hold as a whole.

        Repeats that have begun are kept.
        """
        if not self.plan.grows_by_repeats or not self.spending.is_limited:
            return asked
        held = max(self.plan.repeats, self.spending.repeats(asked))
        begun = dict.fromkeys(asked.repeats, 0)
        for key in self.tables.rows:
            begun[key.arm] = max(begun[key.arm], key.repeat + 1)
        repeats = {arm: min(n, max(held, begun[arm])) for arm, n in asked.repeats.items()}
        return replace(asked, repeats=repeats)

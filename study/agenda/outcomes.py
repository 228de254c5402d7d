"""How trials ended: reads and writes their folders, and tells the tables and Optuna.

A trial's end is durable in its folder before Optuna is told.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from study import store
from study.agenda.job import Job
from study.plan import Plan
from study.search.arm_search import ArmSearch
from study.search.proposal import Slot
from study.store.records import Key, Kind, Outcome, State
from study.store.tables import Tables, row_of, running_row

UNTIL_INTERRUPTED = 10.0  # seconds to wait for a killed worker to free its folder's lock


class Outcomes:
    """The ends of the study's trials."""

    def __init__(
        self, folder: Path, plan: Plan, searches: Mapping[Slot, ArmSearch], tables: Tables
    ) -> None:
        self.folder, self.plan, self.searches, self.tables = folder, plan, searches, tables
        self._listed: dict[tuple[Slot, Kind, str], int] = {}  # the number that lists a trial
        self._untold: dict[Key, Outcome] = {}

    def place(self, job: Job) -> Path:
        return store.trial_folder(self.folder, job.id)

    def is_held(self, job: Job) -> bool:
        """Returns whether another process has the job's trial."""
        return store.is_held(self.place(job))

    def settled(self, job: Job) -> Outcome | None:
        """Returns the final outcome that the job has on disk, unless it should be tried again."""
        outcome = store.finished_state(self.place(job), tested=not job.is_search)
        if outcome is None or (outcome.state == State.PRUNED and not job.is_search):
            return None
        retried = outcome.state == State.OUT_OF_MEMORY and self.plan.spec.retry.out_of_memory > 0
        if retried and not outcome.alone:
            return None
        return outcome

    def with_history(self, job: Job) -> Job:
        """Returns the job, marked to train again if its earlier end was not settled."""
        outcome = store.read_state(self.place(job))
        if outcome is None or not outcome.state.is_final or self.settled(job) is not None:
            return job
        return replace(job, anew=True, alone=outcome.state == State.OUT_OF_MEMORY)

    def begin(self, job: Job) -> None:
        """Lists the job as running."""
        before = store.read_state(self.place(job))
        self.tables.put(job.key, running_row(job.role, job.id, job.seed, before))
        rows = None if job.anew else store.read_history(self.place(job))
        if rows:  # it resumes
            self.tables.set_epochs(job.id, rows)
            self.tables.put(job.key, {"epochs": len(rows)})

    def of(self, job: Job) -> Outcome | None:
        """Returns the outcome in the job's folder; None if the job has not ended."""
        if job.stopped_at is not None and (pruned := self.pruned(job, job.stopped_at)):
            return pruned
        if not job.anew:
            return store.finished_state(self.place(job), tested=not job.is_search)
        outcome = store.read_state(self.place(job))
        return outcome if outcome and outcome.state.is_final else None

    def record(self, job: Job, outcome: Outcome) -> None:
        """Puts the end of a job into the tables and, for a search trial, into Optuna."""
        listed = self._listed.setdefault((job.slot, job.kind, job.id), job.number)
        if listed == job.number:  # lists a trial once, even if it was proposed twice
            self.tables.put(job.key, row_of(job.role, outcome))
        if self.tables.epochs(job.id) != outcome.epochs:
            self.tables.set_epochs(job.id, store.read_history(self.place(job)) or [])
        if not job.is_search:
            return
        if outcome.again:
            # The next attempt may succeed, so Optuna hears of it only when the run ends.
            self._untold[job.key] = outcome
        else:
            self._tell(job.key, outcome, outcome.metrics)
            why = self.searches[job.slot].why_stopped(job.number, job.role.seed_index)
            if why is not None:
                self.tables.put(job.key, {"reason": why})
        (self.place(job) / "checkpoint.pt").unlink(missing_ok=True)

    def _tell(self, key: Key, outcome: Outcome, metrics: Mapping[str, float]) -> None:
        search = self.searches[key.arm, key.repeat]
        search.tell(key.number, outcome.state, metrics, outcome.reason, key.seed_index)

    def pruned(self, job: Job, epoch: int) -> Outcome | None:
        """Writes and returns the outcome of a trial that the pruner stopped at an epoch.

        None if the trial did not get that far.
        """
        folder = self.place(job)
        rows = (store.read_history(folder) or [])[:epoch]
        if len(rows) < epoch:
            return None
        outcome = Outcome(
            job.id,
            State.PRUNED,
            job.seed,
            reason=f"behind the others at epoch {epoch}",
            roles=(job.role,),
            alone=job.alone,
            epochs=epoch,
            metrics=store.last_metrics(rows),
            finished=store.now(),
        )
        if (before := store.read_state(folder)) is not None:
            outcome = replace(
                outcome,
                started=before.started,
                retries=before.retries,
                environment=before.environment,
                damaged=before.damaged,
            )
        store.write_history(folder, rows)
        store.write_state(folder, outcome)
        return outcome

    def failed(self, job: Job, reason: str, cause: str) -> Outcome:
        """Writes and returns the outcome of a trial whose worker died."""
        folder = self.place(job)
        folder.mkdir(exist_ok=True)
        rows = store.read_history(folder) or []
        before = store.read_state(folder) or Outcome(job.id, State.RUNNING, started=store.now())
        outcome = replace(
            before,
            state=State.FAILED,
            seed=job.seed,
            reason=reason,
            cause=cause,
            test=not job.is_search,
            roles=(job.role,),
            epochs=len(rows),
            metrics=store.last_metrics(rows),
            finished=store.now(),
            again=True,
            tail=reason,
        )
        store.write_state(folder, outcome)
        return outcome

    def interrupt(self, jobs: Iterable[Job]) -> None:
        """Marks jobs as interrupted, once their workers are gone."""
        for job in jobs:
            self.tables.put(job.key, {"state": State.INTERRUPTED})
            folder = self.place(job)
            outcome = store.read_state(folder)
            if outcome is None or outcome.state != State.RUNNING:
                continue
            unwritten = contextlib.suppress(store.StoreError, OSError)
            with unwritten, store.lock_trial(folder, UNTIL_INTERRUPTED):
                epochs = len(store.read_history(folder) or [])
                self.tables.put(job.key, {"epochs": epochs})
                store.write_state(folder, replace(outcome, state=State.INTERRUPTED, epochs=epochs))

    def close(self) -> None:
        """Tells Optuna of the failures that the next run would retry, so none stays RUNNING."""
        for key, outcome in self._untold.items():
            self._tell(key, outcome, {})
        self._untold.clear()

"""Maps Tune's trials to our jobs, and handles Tune's events.

Knows nothing of Tune's classes: `searcher`, `scheduler` and `callback` call its methods.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from study import store
from study.agenda.agenda import Agenda
from study.agenda.job import Job
from study.errors import Stopped
from study.execution.display import Display
from study.execution.portion import Portion
from study.execution.shares import Share
from study.execution.signals import Interruption


@dataclass(frozen=True)
class Death:
    """What is known of a worker's death."""

    reason: str | None = None
    machine_lost: bool = False


class TuneJobs:
    """Hands the agenda's jobs to Tune and Tune's events to the agenda."""

    def __init__(
        self,
        agenda: Agenda,
        display: Display,
        share: Share,
        *,
        environment: str,
        code: str | None,
        on_tick: Callable[[], None],
        interrupted: Interruption,
    ) -> None:
        self.agenda = agenda
        self.display = display
        self.share = share
        self.environment = environment
        self.code = code  # identifies the code that the workers of a cluster must have
        self.on_tick = on_tick
        self.interrupted = interrupted
        self.jobs: dict[str, Job] = {}  # by Tune's trial id, as are the next two
        self.portions: dict[str, Portion] = {}
        self.deaths: dict[str, Death] = {}
        self.problem: BaseException | None = None
        self._machines = len(share.nodes)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its searcher and callbacks, for snapshots that nobody reads

    def order(self, job: Job, portion: Portion) -> store.Order:
        """Returns the worker's order for ``job`` with its portion."""
        order = self.agenda.order(job, environment=self.environment, code=self.code)
        return replace(order, **asdict(portion))

    def suggest(self, tune_id: str) -> dict[str, Any] | bool | None:
        """Returns a job as Tune's config; None to be asked again later; False when all is done."""
        if not self.share.room(self.portions.values()):
            return None
        with self.interrupted.held():
            job = self.agenda.next()
            if job is None:
                return False if self.agenda.finished else None
            portion = self.share.of(job)
            self.jobs[tune_id] = job
            self.portions[tune_id] = portion
        return {"job": json.dumps(self.order(job, portion).to_json()), "bundle": portion.bundle}

    def result(self, tune_id: str, result: dict[str, Any]) -> bool:
        """Passes an epoch to the agenda; returns True to stop the trial. Ignores outcomes."""
        if "epoch" not in result or "outcome" in result:
            return False
        job = self.jobs[tune_id]
        with self.interrupted.held():
            return self.agenda.epoch(self.agenda.running.get(job.id, job), result)

    def end(self, tune_id: str, result: dict[str, Any] | None) -> None:
        """Tells the agenda, the display and, if memory ran out, the shares how a job ended."""
        job = self.jobs.pop(tune_id, None)
        portion = self.portions.pop(tune_id, None)
        if job is None or portion is None:
            return
        outcome = None
        if result and "outcome" in result:
            outcome = store.Outcome.from_json(json.loads(result["outcome"]))
        known = outcome or store.read_state(store.trial_folder(self.agenda.folder, job.id))
        if known is not None and known.state == store.State.OUT_OF_MEMORY:
            self.share.ran_out(job, portion)
        death = self.deaths.pop(tune_id, Death())
        with self.interrupted.held():  # otherwise an ended trial could stay listed as running
            ended = self.agenda.end(job, outcome, death.reason, machine_lost=death.machine_lost)
        if death.machine_lost and not ended.state.is_final:
            self.display.note(f"{job.role.title} goes on elsewhere: {death.reason}")
        self.display.ended(self.agenda, job, ended)

    def tick(self) -> None:
        """Runs after each step of Tune's loop."""
        self.interrupted.check()
        self._note_machines()
        self.agenda.spending.at_once = self.share.concurrency()
        self.agenda.tables.write()
        self.display.update(self.agenda)
        self.on_tick()
        if self.agenda.fatal:
            raise Stopped(self.agenda.fatal)

    def _note_machines(self) -> None:
        """Notes how many trials run at once when machines have joined or left."""
        if len(self.share.nodes) != self._machines:
            self._machines = len(self.share.nodes)
            machines = f"{self._machines} machine{'s' if self._machines != 1 else ''}"
            self.display.note(f"now {machines}: {self.share.text()}")

    def guard(self, call: Callable[[], Any]) -> Any:
        """Keeps our exceptions from Tune, which would take them for a trial's."""
        try:
            return call()
        except Exception as error:
            self.problem = error
            raise Stopped(f"{type(error).__name__}: {error}") from error

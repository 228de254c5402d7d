"""Tune's searcher and scheduler as thin shells over `study.agenda.agenda`.

Ray runs jobs in a pool of worker processes and tells of their epochs, ends and deaths. It keeps no truth: its own snapshots go
to a temporary folder and are thrown away, and every run is a fresh Tuner over what the agenda says is left to do.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from study import store
from study.agenda.agenda import Agenda, Job
from study.agenda.limits import Stopped, full
from study.execution import loggers
from study.execution.cluster import check_head, listen, session, signals
from study.execution.display import Display
from study.execution.kernels import built
from study.execution.probes import Meter
from study.execution.shares import Portion, Share
from study.worker import trial
from study.worker.environment import code_key

Train = Callable[
    [dict[str, Any], trial.Report], dict[str, Any]
]  # a job -> its outcome; called in a worker


def execute(
    agenda: Agenda,
    display: Display,
    *,
    environment: str,
    max_concurrent: int | None = None,
    address: str | None = None,
    on_tick: Callable[[], None] = lambda: None,
    train: Train = trial.run,
    meter: Meter = trial.probe,
) -> None:
    """Trains what the agenda asks for until it is finished. ``train`` and ``meter`` are what workers call.

    Raises:
        Stopped: a signal, a full disk, or a failure that makes going on senseless; the reason is its text.
    """
    if agenda.finished:
        return
    spec = agenda.plan.spec
    with (
        signals() as received,
        built(display.note) as kernels,
        session(spec.resources, address) as temporary,
    ):
        listen(received)  # Ray has put a handler of its own for SIGTERM
        share = Share(agenda.plan, agenda.folder, max_concurrent, meter, display.note)
        shell = _Shell(agenda, display, share, environment, on_tick)
        shell.code = code_key() if address else None
        agenda.concurrency = share.concurrency()
        layers = kernels()
        display.note(f"{share.text()}, {layers}" if share.on_cpu else share.text())
        on_tick()  # before anything trains
        try:
            with loggers.feeds(spec.loggers, spec.name, agenda.folder, display.note) as feeds:
                _tune(
                    shell,
                    train,
                    temporary,
                    [loggers.callback(feeds, shell.jobs.get)] if feeds else [],
                )
        except Stopped:
            if shell.problem is None:
                raise
        if shell.problem is not None:
            raise full(shell.problem) or shell.problem
    if agenda.fatal:
        raise Stopped(agenda.fatal)


class _Shell:
    """What Tune's searcher, scheduler and callback share: which of Tune's trials is which of our jobs."""

    def __init__(
        self,
        agenda: Agenda,
        display: Display,
        share: Share,
        environment: str,
        on_tick: Callable[[], None],
    ) -> None:
        self.agenda, self.display, self.share, self.environment, self.on_tick = (
            agenda,
            display,
            share,
            environment,
            on_tick,
        )
        self.jobs: dict[str, Job] = {}
        self.portions: dict[str, Portion] = {}
        self.errors: dict[str, str] = {}
        self.problem: BaseException | None = None
        self.code: str | None = None  # what the workers of a cluster must hold
        self._next = 0.0

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its searcher and callbacks, for snapshots that nobody reads

    def worker_job(self, job: Job, portion: Portion) -> dict[str, Any]:
        spec = self.agenda.plan.spec
        return {
            "id": job.id,
            "folder": str(store.trial_folder(self.agenda.folder, job.id).absolute()),
            "config": job.config,
            "test": job.kind == "replicate",
            "roles": [job.role],
            "repeat": job.repeat,
            "alone": job.alone,
            "diagnose": spec.diagnostics if job.kind == "replicate" else "off",
            "environment": self.environment,
            "folders": self.agenda.plan.folders,
            "code": self.code,
            **asdict(portion),
        }

    def suggest(self, tune_id: str) -> dict[str, Any] | bool | None:
        """A job's config for Tune; None to be asked again later; False when all is done."""
        if not self.share.room(self.portions.values()):
            return None
        job = self.agenda.next()
        if job is not None:
            self.jobs[tune_id], self.portions[tune_id] = job, self.share.of(job)
            return {
                "job": json.dumps(self.worker_job(job, self.portions[tune_id])),
                "bundle": self.portions[tune_id].bundle,
            }
        return False if self.agenda.finished else None

    def result(self, tune_id: str, result: dict[str, Any]) -> bool:
        """An epoch, or the outcome that a worker hands over last; True to stop the trial."""
        if "epoch" not in result or "outcome" in result:
            return False
        job = self.jobs[tune_id]
        return self.agenda.epoch(self.agenda.running.get(job.id, job), result)

    def end(self, tune_id: str, result: dict[str, Any] | None) -> None:
        job, portion = self.jobs.pop(tune_id, None), self.portions.pop(tune_id, None)
        if job is not None and portion is not None:
            outcome = json.loads(result["outcome"]) if result and "outcome" in result else None
            known = (
                outcome or store.read_state(store.trial_folder(self.agenda.folder, job.id)) or {}
            )
            if known.get("state") == "out_of_memory":
                self.share.ran_out(job, portion)
            state = self.agenda.end(job, outcome, self.errors.pop(tune_id, None))
            self.display.ended(self.agenda, job, state)

    def tick(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 2.0
            check_head()
        self.agenda.concurrency = self.share.concurrency()
        self.agenda.tables.write()
        self.display.update(self.agenda)
        self.on_tick()
        if self.agenda.fatal:
            raise Stopped(self.agenda.fatal)

    def guard(self, call: Callable[[], Any]) -> Any:
        """Tune must not see our exceptions: it would take them for a trial's."""
        try:
            return call()
        except Exception as error:
            self.problem = error
            raise Stopped(f"{type(error).__name__}: {error}") from error


# ---- Ray ----------------------------------------------------------------------------------------------------------------


def _tune(shell: _Shell, train: Train, temporary: Path, others: list[Any]) -> None:
    """One fresh Tuner over the agenda, which also decides what is tried again (Tune would not, where a waiting worker died)."""
    from ray import tune

    tuner = tune.Tuner(
        tune.with_resources(
            _trainable(train), lambda config: tune.PlacementGroupFactory([config["bundle"]])
        ),
        tune_config=tune.TuneConfig(
            search_alg=_searcher(shell),
            scheduler=_scheduler(shell),
            num_samples=-1,
            reuse_actors=True,  # by trials with equal bundles; an idle worker makes room for another bundle
            trial_name_creator=lambda one: one.trial_id,
            trial_dirname_creator=lambda one: one.trial_id,
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(temporary / "tune"),
            callbacks=[_callback(shell), *others],
            progress_reporter=_reporter(),
            verbose=0,
        ),
    )
    tuner.fit()


def _trainable(train: Train) -> Callable[[dict[str, Any]], None]:
    """Runs in a worker; the last report hands over the outcome, in case the disk could not take it."""

    def trainable(config: dict[str, Any]) -> None:
        from ray import tune

        outcome = train(json.loads(config["job"]), tune.report)
        tune.report({"outcome": json.dumps(outcome)})

    return trainable


def _searcher(shell: _Shell) -> Any:
    from ray.tune.search import Searcher

    class AgendaSearcher(Searcher):
        def set_search_properties(self, *_: Any, **__: Any) -> bool:
            return True

        def suggest(self, trial_id: str) -> Any:
            config = shell.guard(lambda: shell.suggest(trial_id))
            return Searcher.FINISHED if config is False else config

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            shell.guard(lambda: shell.end(trial_id, result))

        def save(self, checkpoint_path: str) -> None: ...

        def restore(self, checkpoint_path: str) -> None: ...

        def save_to_dir(self, *_: Any, **__: Any) -> None: ...

        def get_state(self) -> dict[str, Any]:
            return {}

    return AgendaSearcher()


def _scheduler(shell: _Shell) -> Any:
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    class AgendaScheduler(FIFOScheduler):
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            stop = shell.guard(lambda: shell.result(trial.trial_id, result))
            return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

        def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
            shell.errors[trial.trial_id] = f"the worker died: {_last_words(trial.error_file)}"

        def choose_trial_to_run(self, tune_controller: Any) -> None:
            return None  # Tune starts pending trials by itself, and need not look through all trials at every step

    return AgendaScheduler()


def _last_words(error_file: str | None) -> str:
    """The telling line of what Ray wrote about a death."""
    with contextlib.suppress(OSError, TypeError):
        lines = [
            line.strip() for line in Path(str(error_file)).read_text().splitlines() if line.strip()
        ]
        return next((line for line in lines if "died" in line or "Error" in line), lines[-1])[:300]
    return "nothing more is known"


def _callback(shell: _Shell) -> Any:
    from ray.tune import Callback

    class Tick(Callback):
        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            shell.guard(shell.tick)

        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            trial.metric_analysis.clear()  # means of the last epochs, of which Tune would keep 30 kB for every trial
            trial.metric_n_steps.clear()

        on_trial_error = on_trial_complete

    return Tick()


def _reporter() -> Any:
    from ray.tune import ProgressReporter

    class Silent(ProgressReporter):
        def should_report(self, trials: list[Any], done: bool = False) -> bool:
            return False

        def report(self, trials: list[Any], done: bool, *sys_info: Any) -> None: ...

    return Silent()

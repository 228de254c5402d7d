"""Trains what the agenda asks for, in a pool of worker processes that Ray runs.

Ray reports epochs, ends and deaths, but nothing relies on its memory: its snapshots go to a
temporary folder that is deleted, and every run is a fresh Tuner over the rest of the agenda.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eisnn.surroundings import code_key
from study import store
from study.agenda.agenda import Agenda
from study.errors import Stopped, of_the_disk
from study.execution import loggers
from study.execution.cluster import session
from study.execution.display import Display
from study.execution.head_watch import end_process, head_watch
from study.execution.kernels import built
from study.execution.live_page import live_page
from study.execution.placement import machines_may_return
from study.execution.probes import Look, Meter
from study.execution.shares import Share
from study.execution.signals import interruption
from study.execution.tune_jobs import TuneJobs
from study.worker import gpu, trial
from study.worker.gpu import is_lost

Train = Callable[[store.Order, trial.Report], store.Outcome]  # called in a worker


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
    look: Look = gpu.look,
) -> None:
    """Trains until the agenda is finished; workers call ``train``, ``meter`` and ``look``.

    Raises:
        Stopped: there was a signal, the disk is full, or a failure makes it useless to continue;
            the text says which.
    """
    if agenda.finished:
        return
    spec = agenda.plan.spec
    with (
        interruption() as interrupted,
        built(display.note) as kernels,
        session(spec.resources, address, display.note) as ray_session,
        live_page(agenda.folder) as renew_page,
    ):

        def ticked() -> None:
            on_tick()
            renew_page()

        interrupted.listen()  # again, since Ray has installed its own handler for SIGTERM
        share = Share(agenda.plan, agenda.folder, max_concurrent, meter, display.note, look)
        if share.has_company:
            ray_session.mps.start()
        jobs = TuneJobs(
            agenda,
            display,
            share,
            environment=environment,
            code=code_key() if address else None,
            on_tick=ticked,
            interrupted=interrupted,
        )
        agenda.spending.at_once = share.concurrency()
        layers = kernels()
        text = share.text()
        display.note(f"{text}, {layers}" if share.on_cpu else text)
        on_tick()  # before anything trains
        try:
            with (
                head_watch(interrupted, end_process(agenda.folder)),
                loggers.feeds(spec.loggers, spec.name, agenda.folder, display.note) as feeds,
                machines_may_return() if address else contextlib.nullcontext(),
            ):
                callbacks = [loggers.callback(feeds, jobs.jobs.get)] if feeds else []
                _tune(jobs, train, ray_session.folder, callbacks)
        except Stopped:
            if jobs.problem is None:
                raise
        if jobs.problem is not None:
            raise of_the_disk(jobs.problem) or jobs.problem
    if agenda.fatal:
        raise Stopped(agenda.fatal)


def _tune(jobs: TuneJobs, train: Train, temporary: Path, callbacks: list[Any]) -> None:
    """Runs one fresh Tuner over the agenda.

    The agenda also decides what to try again, since Tune does not if an idle worker died.
    """
    from ray import tune

    from study.execution.callback import Silent, Tick
    from study.execution.scheduler import AgendaScheduler
    from study.execution.searcher import AgendaSearcher

    def bundle(config: dict[str, Any]) -> tune.PlacementGroupFactory:
        return tune.PlacementGroupFactory([config["bundle"]])

    def name(trial: Any) -> str:
        return str(trial.trial_id)

    tuner = tune.Tuner(
        tune.with_resources(_trainable(train), bundle),
        tune_config=tune.TuneConfig(
            search_alg=AgendaSearcher(jobs),
            scheduler=AgendaScheduler(jobs),
            num_samples=-1,
            # Trials with equal bundles reuse a worker; an idle worker gives way to other bundles.
            reuse_actors=True,
            trial_name_creator=name,
            trial_dirname_creator=name,
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(temporary / "tune"),
            callbacks=[Tick(jobs), *callbacks],
            progress_reporter=Silent(),
            verbose=0,
        ),
    )
    tuner.fit()


def _trainable(train: Train) -> Callable[[dict[str, Any]], None]:
    """Returns the function that runs in a worker, in the command's working folder.

    Its last report carries the outcome, in case the disk could not take it.
    """
    here = os.getcwd()

    def trainable(config: dict[str, Any]) -> None:
        from ray import tune

        with contextlib.suppress(OSError):  # another machine may not have this folder
            os.chdir(here)
        outcome = train(store.Order.from_json(json.loads(config["job"])), tune.report)
        if is_lost(outcome.reason):
            # The outcome is on disk; the next trial needs a process whose GPU works.
            raise RuntimeError(f"this process has lost its GPU: {outcome.reason}")
        tune.report({"outcome": json.dumps(outcome.to_json())})

    return trainable

"""Runs one trial in a worker: `eisnn.fit` trains its config, its folder keeps the results.

Every end is recorded as an outcome. Only if the process dies, or the driver stops it, is there no
outcome; the next attempt then resumes from the last checkpoint.
"""

from __future__ import annotations

import math
import os
import resource
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from eisnn.config.trial import TrialConfig, make_config
from eisnn.config.user_code import look_in
from eisnn.diagnostics.joules import OwnEnergy
from eisnn.errors import CheckpointError
from eisnn.imports import uncollected
from study import store
from study.store.records import Order, Outcome, State
from study.worker import environment, gpu
from study.worker.causes import OF_THE_SURROUNDINGS, cause_of, reason_of

IMAGES = 0.125  # the part of a GPU share for the images of each of the three splits
TAIL = 2000  # characters of a traceback that an outcome keeps

DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's dumper is ten times faster

Report = Callable[[dict[str, Any]], None]


class ToldToStop(BaseException):
    """The driver stops this trial: wraps the SystemExit of ``report``.

    So it differs from a sys.exit in users' code.
    """

    def __init__(self, word: SystemExit) -> None:
        super().__init__()
        self.word = word


def run(order: Order, report: Report) -> Outcome:
    """Trains or resumes the trial and returns its outcome, which is also on disk.

    ``report`` receives each epoch's metrics, those of earlier attempts again. A finished trial is
    not trained.
    """
    folder = Path(order.folder)
    # Makes the last folder only, so that a study's folder that was moved away does not come back.
    folder.mkdir(exist_ok=True)
    with store.lock_trial(folder, store.PATIENCE):
        store.remove_leftovers(folder)
        done = store.finished_state(folder, tested=order.test)
        if done is not None and not order.anew:
            for row in store.read_history(folder) or []:
                report(row)
            return done
        try:
            environment.check_code(order.code)
            return _attempt(order, folder, report)
        except ToldToStop as stop:
            raise stop.word from None
        except OSError as error:
            return _ended(_beginning(order, store.now()), folder, error)


def _beginning(order: Order, started: str | None) -> Outcome:
    return Outcome(
        order.id,
        State.RUNNING,
        seed=int(order.config.get("seed", 0)),
        test=order.test,
        roles=(order.role,) if order.role else (),
        alone=order.alone,
        started=started,
        environment=order.environment,
        threads=_threads(order),
    )


def _threads(order: Order) -> int:
    return max(1, int(order.cpu))


def _attempt(order: Order, folder: Path, report: Report) -> Outcome:
    look_in(order.folders)
    config = make_config(dict(order.config), order.id)
    earlier = store.read_state(folder)
    damaged = tuple(str(path) for path in store.set_damaged_aside(folder))
    outcome = _beginning(order, earlier.started if earlier else store.now())
    outcome = replace(outcome, damaged=damaged, retries=_retries(earlier))
    text = yaml.dump(dict(order.config), Dumper=DUMPER, sort_keys=False)
    store.write_text(folder / "config.yaml", text)
    store.write_state(folder, outcome)
    history = _History(folder, report, order.gpu)
    try:
        _take_share(order)
        outcome = replace(outcome, path=_path(config, order))
        outcome = _fit(config, order, folder, history.add, outcome)
        energy = store.energy_of(history.rows)
        outcome = replace(outcome, metrics={**outcome.metrics, **energy})
    except (Exception, SystemExit) as error:
        return _ended(replace(outcome, epochs=len(history.rows)), folder, error)
    outcome = replace(
        outcome, state=State.COMPLETED, epochs=len(history.rows), finished=store.now()
    )
    store.write_state(folder, outcome)
    if not order.test:
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    (folder / "error.txt").unlink(missing_ok=True)
    return outcome


def _retries(earlier: Outcome | None) -> int:
    if earlier is None:
        return 0
    tried = earlier.state.is_open or earlier.state in (State.FAILED, State.OUT_OF_MEMORY)
    return earlier.retries + tried


def _fit(
    config: TrialConfig, order: Order, folder: Path, report: Report, outcome: Outcome
) -> Outcome:
    """Calls `eisnn.fit` from the last checkpoint, or from the start if that is damaged."""
    import eisnn

    checkpoint = folder / "checkpoint.pt"
    remarks: list[str] = []  # of the training, such as why steps are not captured
    options: dict[str, Any] = {"report": report, "checkpoint_to": checkpoint, "test": order.test}
    options["say"] = remarks.append
    options["device"] = "cuda" if order.gpu else "cpu"
    if order.gpu:
        options["images_on_device"] = _for_images(order)
    if order.metrics:
        options["metrics"] = order.metrics
    if order.diagnose != "off":
        options.update(diagnose=order.diagnose, diagnose_to=folder)
    try:
        metrics = eisnn.fit(config, resume_from=checkpoint, **options)
    except CheckpointError:
        if not checkpoint.exists():
            raise
        aside = str(store.set_aside(checkpoint))
        outcome = replace(outcome, damaged=(*outcome.damaged, aside))
        store.write_state(folder, outcome)
        metrics = eisnn.fit(config, resume_from=checkpoint, **options)
    measured = {
        name: value for name, value in metrics.items() if name != "epoch" and math.isfinite(value)
    }
    path = "; ".join(dict.fromkeys([outcome.path or "", *remarks]))
    return replace(outcome, metrics=measured, path=path)


def _path(config: TrialConfig, order: Order) -> str:
    """Returns the path that the network's layers take, with the reason if it is the plain one."""
    from eisnn.kernels.choose import path

    return path(config, "cuda" if order.gpu else "cpu")


class _History:
    """The trial's epochs, which are on disk before the driver hears of them."""

    def __init__(self, folder: Path, report: Report, gpu: float = 0.0) -> None:
        self.folder, self.report = folder, report
        self.energy = OwnEnergy(gpu=gpu)
        self.rows: list[dict[str, Any]] = list(store.read_history(folder) or [])

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Keeps an epoch, unless it is kept already, and reports it."""
        row = dict(metrics)
        epoch = int(row["epoch"])
        kept = next(iter(self.rows[epoch - 1 : epoch]), {})
        if {**kept, **row} != kept:
            joules = self.energy.taken()
            if joules is not None:
                row["joules"] = joules
            self.rows[epoch - 1 :] = [row]
            store.write_history(self.folder, self.rows)
        try:
            self.report(row)
        except SystemExit as word:
            raise ToldToStop(word) from None


def _take_share(order: Order) -> None:
    """Keeps the trial within its share: CPU threads, memory, and a fraction of a GPU or none."""
    if not order.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves it unset, and every GPU would be seen
    with uncollected():
        import torch

    torch.set_num_threads(_threads(order))
    if order.gpu:
        torch.cuda.empty_cache()  # of the trial before
        _, total = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(
            max(0.0, min(1.0, order.gpu) - order.context_mb * 2**20 / total)
        )
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limited = order.memory_gb is not None and not order.gpu
    limit = int((order.memory_gb or 0) * 2**30) if limited else hard
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _for_images(order: Order) -> float:
    """Returns the bytes of the GPU share that a split's images may take; beyond, they stream."""
    import torch

    _, total = torch.cuda.mem_get_info()
    return IMAGES * min(1.0, order.gpu) * total


def probe(order: Order) -> dict[str, float]:
    """Measures a `study.execution.fractions.Footprint` of the order's config.

    Needs a GPU that this process has for itself.
    """
    from eisnn.training.footprint import rehearse

    look_in(order.folders)
    foreign = gpu.foreign_mb()  # before this process holds any
    mps = "CUDA_MPS_PIPE_DIRECTORY" in os.environ  # the session starts it if trials share a GPU
    reading = rehearse(make_config(dict(order.config), "probe"), "cuda", order.diagnose)
    return {
        "peak_mb": max(0.0, reading.peak - foreign),
        "context_mb": max(0.0, reading.outside - foreign),
        "total_mb": reading.total,
        "busy": reading.busy.filled if mps else reading.busy.time,
        "foreign_mb": foreign,
    }


def _ended(before: Outcome, folder: Path, error: BaseException) -> Outcome:
    """Returns the outcome of a trial that raised, and writes it if the disk has room."""
    state, cause = cause_of(error)
    rows = store.read_history(folder) or []
    outcome = replace(
        before,
        state=state,
        cause=cause,
        reason=reason_of(error),
        metrics=store.last_metrics(rows[: before.epochs]),
        epochs=min(before.epochs, len(rows)),
        finished=store.now(),
        again=cause in OF_THE_SURROUNDINGS,
        tail="".join(traceback.format_exception(error)[-3:])[-TAIL:],
    )
    try:
        store.write_text(folder / "error.txt", "".join(traceback.format_exception(error)))
        store.write_state(folder, outcome)
    except OSError as problem:
        print(f"{folder}: cannot record the outcome: {problem}", file=sys.stderr)
    return outcome

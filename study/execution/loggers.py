"""TensorBoard, MLflow and Weights & Biases through Ray Tune's own callbacks, fed with our trials instead of Tune's.

Tune's trials are jobs without a name, in a folder that is thrown away. The callbacks get a `Run` in their place: named by arm, kind
and number, with the resolved config, below results/<study>/logs/<logger>/. Each logger lives in a thread of its own, so that neither
its failures nor its waiting reach a trial, Tune, or a signal on its way to the study. A trial that goes on after a crash reports all
its epochs again: its earlier log is taken away and written anew, so that no step stands there twice.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import math
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eisnn.config.yaml_file import ConfigError
from study import store

if TYPE_CHECKING:
    from study.agenda.agenda import Job

PACKAGES = {
    "tensorboard": "tensorboardX",
    "mlflow": "mlflow",
    "wandb": "wandb",
}  # each one's extra in pyproject.toml has its name
PATIENCE = 300.0  # seconds that a study which has ended waits at most for its loggers
STOPPED_PATIENCE = 6.0  # one that was stopped


def check(names: Sequence[str], where: str) -> None:
    """Raises ConfigError for loggers whose package is not installed, with the extra that brings it."""
    lines = [
        f"{where}: loggers: {name} needs the package {PACKAGES[name]}, which is not installed; "
        f"pip install 'eisnn-study[{name}]' (pip install -e '.[{name}]' in a checkout), or take {name} out of the list"
        for name in names
        if importlib.util.find_spec(PACKAGES[name]) is None
    ]
    if lines:
        raise ConfigError("\n".join(lines))


@dataclass(eq=False)
class Run:
    """What Tune's callbacks read of a trial."""

    trial_id: str
    name: str  # arm/kind/number
    local_path: str
    config: dict[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def evaluated_params(self) -> dict[str, Any]:
        return self.config

    def init_local_path(self) -> None:
        Path(self.local_path).mkdir(parents=True, exist_ok=True)

    def empty(self) -> None:
        shutil.rmtree(self.local_path, ignore_errors=True)
        self.init_local_path()


def run_of(job: Job, study: str, folder: Path) -> Run:
    role = {"study": study, "arm": job.arm, "kind": job.kind, "number": job.number, "trial": job.id}
    place = folder / job.arm / f"{job.kind}-{job.number}"
    return Run(
        job.id,
        f"{job.arm}/{job.kind}/{job.number}",
        str(place.absolute()),
        {**role, **flat(job.config)},
    )


def flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A config as dotted paths; lists as text, for not every logger has a place for them."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{above}{key}."))
        else:
            found[above + key] = (
                value if isinstance(value, bool | int | float | str) else json.dumps(value)
            )
    return found


# ---- Tune's callbacks ---------------------------------------------------------------------------------------------------


def _tensorboard(study: str, folder: Path) -> Any:
    from ray.tune.logger import TBXLoggerCallback
    from tensorboardX import SummaryWriter

    def plain(tag: str) -> str:
        return tag.removeprefix("ray/tune/")

    class Writer(SummaryWriter):
        def add_scalar(self, tag: str, *values: Any, **options: Any) -> None:
            super().add_scalar(plain(tag), *values, **options)

    class TensorBoard(TBXLoggerCallback):
        """Tags are the metrics' names, and a run's hyperparameters stand beside all that it measured, not its last result only."""

        def __init__(self) -> None:
            super().__init__()
            self._summary_writer_cls = Writer

        def log_trial_start(self, trial: Run) -> None:
            trial.empty()
            super().log_trial_start(trial)

        def log_trial_result(self, iteration: int, trial: Run, result: dict[str, Any]) -> None:
            before = self._trial_result.get(trial, {})
            super().log_trial_result(iteration, trial, result)
            self._trial_result[trial] = {**before, **self._trial_result[trial]}

        def _try_log_hparams(self, trial: Run, result: dict[str, Any]) -> None:
            super()._try_log_hparams(trial, {plain(tag): value for tag, value in result.items()})

    return TensorBoard()


def _mlflow(study: str, folder: Path) -> Any:
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # read when mlflow is imported
    from mlflow.exceptions import MlflowException
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    class MLflow(MLflowLoggerCallback):
        """One experiment per study, in a database in the study's folder or wherever MLFLOW_TRACKING_URI says."""

        def log_trial_start(self, trial: Run) -> None:
            note = Path(trial.local_path, "run_id")
            if note.exists():
                with contextlib.suppress(MlflowException):  # somebody has deleted it
                    self.mlflow_util._get_client().delete_run(note.read_text())
            trial.empty()
            super().log_trial_start(trial)
            note.write_text(self._trial_runs[trial])

    folder.mkdir(parents=True, exist_ok=True)
    address = (
        os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder.absolute() / 'mlflow.db'}"
    )
    return MLflow(tracking_uri=address, experiment_name=study)


def _wandb(study: str, folder: Path) -> Any:
    from ray.air.integrations.wandb import WandbLoggerCallback

    class Wandb(WandbLoggerCallback):
        """A run's id is its trial's, so that a trial which goes on after a crash replaces its earlier run."""

        def log_trial_start(self, trial: Run) -> None:
            trial.empty()  # the actor works in this folder
            super().log_trial_start(trial)

        def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
            """As Ray's, which ends unfinished actors without a word."""
            self._cleanup_logging_actors(timeout=int(0.9 * PATIENCE))
            late = [str(run) for run in self._trial_logging_actors]
            super().on_experiment_end(trials, **info)
            if late:
                raise TimeoutError(f"{', '.join(late)} not written after {0.9 * PATIENCE:g} s")

    options = {"mode": os.environ["WANDB_MODE"]} if os.environ.get("WANDB_MODE") else {}
    project = os.environ.get("WANDB_PROJECT") or "eisnn-study"
    return Wandb(project=project, group=study, upload_timeout=1, **options)


MAKERS: dict[str, Callable[[str, Path], Any]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}


# ---- threads ------------------------------------------------------------------------------------------------------------


class Feed(threading.Thread):
    """One logger in its thread. What it raises goes to log.txt and is said once; that run goes without this logger from then on."""

    def __init__(self, name: str, study: str, folder: Path, say: Callable[[str], None]) -> None:
        super().__init__(name=f"logger-{name}", daemon=True)
        self.logger, self.study, self.folder, self.say = name, study, folder / "logs" / name, say
        self.events: queue.SimpleQueue[tuple[str, Run, tuple[Any, ...]] | None] = (
            queue.SimpleQueue()
        )
        self.runs: dict[str, Run] = {}  # by Tune's id; the driver's thread only
        self.said = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (object, ())  # Tune pickles its callbacks, for snapshots that nobody reads

    def run(self) -> None:
        try:
            callback = MAKERS[self.logger](self.study, self.folder)
            callback.setup()
        except Exception as error:
            self._failed("could not start", error)
            return
        lost: set[Run] = set()
        for event, run, values in iter(self.events.get, None):
            try:
                if run not in lost:
                    self._pass_on(callback, event, run, values)
            except Exception as error:
                lost.add(run)
                self._failed(f"lost {run}", error)
        try:
            callback.on_experiment_end(trials=[])
        except Exception as error:
            self._failed("did not finish", error)

    def _pass_on(self, callback: Any, event: str, run: Run, values: tuple[Any, ...]) -> None:
        if event == "start":
            callback.log_trial_start(run)
        elif event == "result":
            step, metrics = values
            callback.log_trial_result(step, run, {"training_iteration": step, **metrics})
        else:
            callback.log_trial_end(run, failed=values[0])

    def _failed(self, what: str, error: Exception) -> None:
        logging.getLogger("study").warning("the %s logger %s", self.logger, what, exc_info=error)
        if not self.said:
            self.said = True
            first = (str(error).strip().splitlines() or [""])[0]
            self.say(
                f"the {self.logger} logger {what} ({type(error).__name__}: {first}); the study goes on, details are in log.txt"
            )

    def close(self, patience: float) -> None:
        self.events.put(None)
        self.join(patience)
        if self.is_alive():
            self.say(
                f"the {self.logger} logger has not finished after {patience:g} s; what it has not written is lost"
            )


@contextlib.contextmanager
def feeds(
    names: Sequence[str], study: str, folder: Path, say: Callable[[str], None]
) -> Iterator[list[Feed]]:
    """A running thread per logger; they end with the block."""
    started = [Feed(name, study, folder, say) for name in names]
    for feed in started:
        feed.start()
    patience = STOPPED_PATIENCE
    try:
        yield started
        patience = PATIENCE
    finally:
        for feed in started:
            feed.close(patience)


def callback(started: Sequence[Feed], job_of: Callable[[str], Job | None]) -> Any:
    """Tune's news to every feed; ``job_of`` says which of our jobs one of Tune's trials is."""
    from ray.tune import Callback

    class Loggers(Callback):
        def on_trial_start(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            job = job_of(trial.trial_id)
            if job is not None:
                for feed in started:
                    feed.runs[trial.trial_id] = run_of(job, feed.study, feed.folder)
                    feed.events.put(("start", feed.runs[trial.trial_id], ()))

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            found = news(result)
            for feed in started:
                if found is not None and trial.trial_id in feed.runs:
                    feed.events.put(("result", feed.runs[trial.trial_id], found))

        def on_trial_complete(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._end(
                trial,
                "outcome" in trial.last_result
                and json.loads(trial.last_result["outcome"])["state"] != "completed",
            )

        def on_trial_error(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            self._end(trial, True)

        def _end(self, trial: Any, failed: bool) -> None:
            for feed in started:
                run = feed.runs.pop(trial.trial_id, None)
                if run is not None:
                    feed.events.put(("end", run, (failed,)))

    return Loggers()


def news(result: Mapping[str, Any]) -> tuple[int, dict[str, float]] | None:
    """(epoch, metrics) of an epoch; of an outcome its last epoch, and what was measured once, such as test/accuracy."""
    if "outcome" in result:
        state = json.loads(result["outcome"])
        names = [name for name in store.TRIAL_METRICS if name not in store.EPOCH_METRICS]
        step, values = max(1, state["epochs"]), state["metrics"]
    elif "epoch" in result:
        names, step, values = list(store.EPOCH_METRICS), int(result["epoch"]), result
    else:
        return None
    metrics = {name: float(values[name]) for name in names if name in values}
    return step, {name: value for name, value in metrics.items() if math.isfinite(value)}

"""TensorBoard, MLflow and Weights & Biases, each in a thread of its own.

So a logger that fails or waits delays neither trials nor Tune nor a signal. A trial that resumes
after a crash reports all its epochs again; its earlier log is removed and written anew, so that no
step appears twice.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import logging
import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eisnn.errors import ConfigError
from study import store
from study.execution.logger_makers import MAKERS, PATIENCE
from study.execution.logger_runs import Run, run_of

if TYPE_CHECKING:
    from study.agenda.job import Job

# Each one's extra in pyproject.toml has its name.
PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
STOPPED_PATIENCE = 6.0  # seconds that a stopped study waits at most for its loggers


def check(names: Sequence[str], where: str) -> None:
    """Raises ConfigError if a logger's package is not installed; says which extra brings it."""
    lines = []
    for name in names:
        if importlib.util.find_spec(PACKAGES[name]) is None:
            lines.append(
                f"{where}: loggers: {name} needs the package {PACKAGES[name]}, "
                f"which is not installed; pip install 'eisnn-study[{name}]' "
                f"(pip install -e '.[{name}]' in a checkout), or take {name} out of the list"
            )
    if lines:
        raise ConfigError("\n".join(lines))


# What happened (start, result or end), to which run, and the values that go with it.
Event = tuple[str, Run, tuple[Any, ...]]


class Feed(threading.Thread):
    """One logger in its thread.

    Its errors go to log.txt, and the first is printed; a run that caused one is no longer logged.
    """

    def __init__(self, name: str, study: str, folder: Path, say: Callable[[str], None]) -> None:
        super().__init__(name=f"logger-{name}", daemon=True)
        # Here, and not first in the new thread while this one imports it too: two threads that meet
        # in a circle of imports see half of a module.
        importlib.import_module("ray.tune")
        self.logger = name
        self.study = study
        self.folder = folder / "logs" / name
        self.say = say
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
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
                f"the {self.logger} logger {what} ({type(error).__name__}: {first}); "
                "the study goes on, details are in log.txt"
            )

    def close(self, patience: float) -> None:
        self.events.put(None)
        self.join(patience)
        if self.is_alive():
            self.say(
                f"the {self.logger} logger has not finished after {patience:g} s; "
                "what it has not written is lost"
            )


@contextlib.contextmanager
def feeds(
    names: Sequence[str], study: str, folder: Path, say: Callable[[str], None]
) -> Iterator[list[Feed]]:
    """Runs a thread per logger until the end of the block."""
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
    """Returns a callback that passes Tune's news to every feed.

    ``job_of`` says which of our jobs one of Tune's trials is.
    """
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
            outcome = trial.last_result.get("outcome")
            failed = outcome is not None and json.loads(outcome)["state"] != store.State.COMPLETED
            self._end(trial, failed)

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
    """Returns the epoch and the metrics of one of Tune's results; None if it has neither.

    For an outcome, these are the last epoch and what was measured once, such as test/accuracy.
    """
    if "outcome" in result:
        state = json.loads(result["outcome"])
        names = [name for name in store.TRIAL_METRICS if name not in store.EPOCH_METRICS]
        step = max(1, state["epochs"])
        values = state["metrics"]
    elif "epoch" in result:
        names = list(store.EPOCH_METRICS)
        step = int(result["epoch"])
        values = result
    else:
        return None
    metrics = {name: float(values[name]) for name in names if name in values}
    return step, {name: value for name, value in metrics.items() if math.isfinite(value)}

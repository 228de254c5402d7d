"""Ray Tune's own callbacks for TensorBoard, MLflow and Weights & Biases, adapted to our trials."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.execution.logger_runs import Run

PATIENCE = 300.0  # seconds that a finished study waits at most for its loggers


def _tensorboard(study: str, folder: Path) -> Any:
    from ray.tune.logger import TBXLoggerCallback
    from tensorboardX import SummaryWriter

    def plain(tag: str) -> str:
        return tag.removeprefix("ray/tune/")

    class Writer(SummaryWriter):
        def add_scalar(self, tag: str, *values: Any, **options: Any) -> None:
            super().add_scalar(plain(tag), *values, **options)

    class TensorBoard(TBXLoggerCallback):
        """Gives tags the metrics' names, and logs hyperparameters with all of a run's metrics.

        Ray's own callback would log them with the last result only.
        """

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
        """Keeps one experiment per study, in the study's folder or at MLFLOW_TRACKING_URI.

        A trial that resumes after a crash replaces its earlier run.
        """

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
        """Gives a run its trial's id, so that a resumed trial replaces its earlier run."""

        def log_trial_start(self, trial: Run) -> None:
            trial.empty()  # the actor works in this folder
            super().log_trial_start(trial)

        def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
            """Ends the runs as Ray's callback does, but raises if some were not written in time."""
            self._cleanup_logging_actors(timeout=int(0.9 * PATIENCE))
            late = [str(run) for run in self._trial_logging_actors]
            super().on_experiment_end(trials, **info)
            if late:
                raise TimeoutError(f"{', '.join(late)} not written after {0.9 * PATIENCE:g} s")

    options: dict[str, Any] = {}
    if mode := os.environ.get("WANDB_MODE"):
        options["mode"] = mode
    project = os.environ.get("WANDB_PROJECT") or "eisnn-study"
    return Wandb(project=project, group=study, upload_timeout=1, **options)


MAKERS: dict[str, Callable[[str, Path], Any]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}

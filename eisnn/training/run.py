"""The state of a run between two epochs, saved and restored as one."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eisnn.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from eisnn.config.trial import TrialConfig, resolved, trial_id
from eisnn.data.batches import Split
from eisnn.data.loading import Dataset
from eisnn.errors import CheckpointError, ConfigError
from eisnn.networks import build_model, with_shapes
from eisnn.training.epochs import Epochs
from eisnn.training.losses import build_loss
from eisnn.training.optimizers import build_optimizer
from eisnn.training.steps import Step

Metrics = dict[str, float]
SECONDS_BETWEEN_CHECKPOINTS = 10.0


class Run:
    """Model, optimiser, history and best weights."""

    def __init__(
        self, config: TrialConfig, data: Dataset, device: torch.device, *, keep_best: bool
    ) -> None:
        self.config = config
        self.device = device
        self.dtype = torch.float64 if config.train.precision == "float64" else torch.float32
        self.model = build_model(with_data(config, data)).to(device, self.dtype)
        self.optimizer = build_optimizer(self.model, config.train)
        self.loss = build_loss(config)
        step = Step(self.model, self.optimizer, self.loss, config.data, self.dtype)
        self.epochs = Epochs(config, step, device)
        self.history: list[Metrics] = []
        self.keep_best = keep_best
        self.best: dict[str, Tensor] | None = None

    @property
    def epoch(self) -> int:
        return len(self.history)

    def train(self, split: Split) -> tuple[float, float]:
        """Trains one epoch; returns its mean loss and accuracy."""
        self.model.train()
        return self.epochs.train(split, self.epoch)

    def record(self, metrics: Metrics) -> None:
        """Appends an epoch, and keeps its weights if it is better than all before."""
        self.history.append(metrics)
        if self.keep_best and best_epoch(self.history) == metrics["epoch"]:
            self.best = copy.deepcopy(self.model.state_dict())

    def save(self, path: Path) -> None:
        save_checkpoint(
            path,
            {
                "config": resolved(self.config),
                "epoch": self.epoch,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "best": self.best,
            },
        )

    def restore(self, path: Path) -> None:
        """Raises CheckpointError if the file is damaged, or belongs to another config."""
        state = load_checkpoint(path)
        refuse_another_config(path, state["config"], self.config)
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.history, self.best = list(state["history"]), state["best"]
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(
                f"{path}: does not hold this network ({reason}); remove it to train anew"
            ) from error


class Checkpoints:
    """Saves a run at most every ``every`` seconds, and at every end that leaves time for it.

    Writing a large network takes as long as a short epoch on a GPU. A run whose process is killed
    repeats what it did since the last checkpoint: one epoch, or ten seconds of epochs.
    """

    def __init__(
        self, run: Run, path: str | Path | None, every: float = SECONDS_BETWEEN_CHECKPOINTS
    ) -> None:
        self.run = run
        self.path = None if path is None else Path(path)
        self.every = every
        self.saved = run.epoch  # the epoch that the file holds
        self._last = -every

    def save_if_due(self) -> None:
        """Saves after the first epoch, after the last, and if the last save is long ago."""
        last_epoch = self.run.epoch == self.run.config.train.epochs
        if last_epoch or time.monotonic() - self._last >= self.every:
            self.save()

    def save(self) -> None:
        """Saves, unless the file holds this epoch already."""
        if self.path is None or self.saved == self.run.epoch:
            return
        self.run.save(self.path)
        self.saved = self.run.epoch
        self._last = time.monotonic()


def refuse_another_config(path: Path, saved: dict[str, Any], config: TrialConfig) -> None:
    """Raises CheckpointError, naming what differs, if a checkpoint belongs to another trial."""
    known = TrialConfig.model_validate(saved)
    if trial_id(known) == trial_id(config):
        return
    differing = differences(resolved(known), resolved(config))
    advice = ""
    if [key for key, *_ in differing] == ["train.epochs"]:
        advice = "; the schedule spans all epochs, so a longer run is another run"
    listed = ", ".join(f"{key} ({old}, not {new})" for key, old, new in differing[:3])
    raise CheckpointError(
        f"{path}: belongs to another config (trial {trial_id(known)}, not {trial_id(config)}):"
        f" {listed}{advice}"
    )


def differences(old: Any, new: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Returns (dotted key, old value, new value) for each leaf in which two resolved configs
    differ; data.root does not count."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        same = old == new or path == "data.root"
        return [] if same else [(path, old, new)]
    found: list[tuple[str, Any, Any]] = []
    for key in dict.fromkeys([*old, *new]):
        inner = f"{path}.{key}" if path else key
        found += differences(old.get(key), new.get(key), inner)
    return found


def best_epoch(history: list[Metrics]) -> int:
    """Returns the first epoch (from 1) with the highest validation accuracy, or, if labels are not
    classes, with the lowest validation loss."""
    if "val/accuracy" not in history[0]:
        losses = [metrics["val/loss"] for metrics in history]
        return losses.index(min(losses)) + 1
    accuracies = [metrics["val/accuracy"] for metrics in history]
    return accuracies.index(max(accuracies)) + 1


def with_data(config: TrialConfig, data: Dataset) -> TrialConfig:
    """Returns the config with the shape and classes of these images.

    Raises:
        ConfigError: the config's model or loss does not fit them.
    """
    given, classes = config.model.input_shape, config.model.classes
    if given is not None and given != data.input_shape:
        raise ConfigError(
            f"model.input_shape: must be {list(data.input_shape)}, as the images of"
            f" {config.data.name} are, or be left out, given {list(given)}"
        )
    if classes is not None and classes < data.classes:
        raise ConfigError(
            f"model.classes: must be at least {data.classes}, the number of classes of"
            f" {config.data.name}, or be left out, given {classes}"
        )
    labels, loss = data.train.labels, config.train.loss
    if labels.is_floating_point() and loss in ("cross_entropy", "tet"):
        raise ConfigError(
            f"train.loss: must be mse or your own where labels are numbers, as those of"
            f" {config.data.name} are, given {loss}"
        )
    return with_shapes(config, data.input_shape, data.classes)

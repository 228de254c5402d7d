"""fit(): one training run, from a config to its final metrics. THE loop; it reads downward.

Random numbers derive from (seed, purpose, epoch), so that a run resumed from its last checkpoint equals an uninterrupted one bit for
bit on the CPU. Nothing in the training step waits for the device; metrics are accumulated there and read once per epoch.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from eisnn.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from eisnn.config.trial import TrialConfig, resolved, trial_id
from eisnn.config.user_code import is_reference, verify
from eisnn.data.files import data_root
from eisnn.data.loading import Dataset, Split, batch_count, batches, load_once, shuffled, to_device
from eisnn.data.transforms import augment
from eisnn.diagnostics.distributions import Distributions
from eisnn.diagnostics.energy import count_operations
from eisnn.diagnostics.own import own_quantities
from eisnn.diagnostics.scalars import Probe, append_rows, probe_size
from eisnn.errors import CheckpointError
from eisnn.kernels.cpu.build import share_compiled
from eisnn.metrics import seconds_per_epoch
from eisnn.networks import build_model, initialize, with_shapes
from eisnn.seeding import derive, generator
from eisnn.training.evaluation import chance_check, check_alive, evaluate
from eisnn.training.memory import MemoryMeter
from eisnn.training.optimizers import ProjectedSGD, build_optimizer, learning_rate

Metrics = dict[str, float]
STEPS_BETWEEN_DIAGNOSTICS = 64
PROBE = 256  # validation images on which operations are counted


def training_step(
    model: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """One optimiser step on images x [B, ...] and labels y [B]; returns the loss and the number of correct answers, on the device."""
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach(), (logits.detach().argmax(1) == y).sum()


class Run:
    """What a run consists of between two epochs: model, optimiser, history, best weights. Saved and restored as one."""

    def __init__(
        self, config: TrialConfig, data: Dataset, device: torch.device, *, keep_best: bool
    ) -> None:
        self.config = config
        self.dtype = torch.float64 if config.train.precision == "float64" else torch.float32
        self.model = build_model(with_data(config, data)).to(device, self.dtype)
        # what training steps call
        self.network: Callable[[Tensor], Tensor] = (
            compiled(self.model) if config.train.compile else self.model
        )
        self.optimizer: ProjectedSGD = build_optimizer(self.model, config.train)
        self.history: list[Metrics] = []
        self.keep_best = keep_best
        self.best: dict[str, Tensor] | None = None

    @property
    def epoch(self) -> int:
        return len(self.history)

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
        state = load_checkpoint(path)
        given = trial_id(TrialConfig.model_validate(state["config"]))
        if given != trial_id(self.config):
            raise CheckpointError(
                f"{path}: is of another config (trial {given}, not {trial_id(self.config)})"
            )
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.history, self.best = list(state["history"]), state["best"]
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(
                f"{path}: does not hold this network ({str(error).splitlines()[0]}); remove it to train anew"
            ) from error

    def record(self, metrics: Metrics) -> None:
        """Appends an epoch, and keeps its weights if its validation accuracy is the best so far (the first of equals)."""
        self.history.append(metrics)
        if self.keep_best and best_epoch(self.history) == metrics["epoch"]:
            self.best = copy.deepcopy(self.model.state_dict())


def compiled(model: torch.nn.Module) -> Callable[[Tensor], Tensor]:
    """torch.compile, whose results other workers and later runs find."""
    share_compiled()
    return torch.compile(model)


def best_epoch(history: list[Metrics]) -> int:
    """The first epoch (from 1) of the highest validation accuracy."""
    accuracies = [metrics["val/accuracy"] for metrics in history]
    return accuracies.index(max(accuracies)) + 1


def with_data(config: TrialConfig, data: Dataset) -> TrialConfig:
    """The config of the network for these images."""
    return with_shapes(config, data.input_shape, data.classes)


def train_epoch(run: Run, split: Split) -> tuple[float, float]:
    """One pass over the training set; mean loss and accuracy."""
    config, epoch, device = run.config, run.epoch, split.labels.device
    order = shuffled(len(split.labels), seed=config.seed, epoch=epoch, device=device)
    rng = generator(config.seed, "augment", epoch, device=device)
    steps = batch_count(len(order), config.train.batch_size)
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    run.model.train()
    if config.model.own_layers or config.model.dropout:  # other layers draw nothing
        torch.manual_seed(derive(config.seed, "forward", epoch))
    for step, (x, y) in enumerate(
        batches(split, config.train.batch_size, order=order, training=True)
    ):
        if config.data.augment:
            x = augment(config.data.name, x, rng)
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate(config.train, epoch * steps + step, steps)
        loss, correct = training_step(run.network, run.optimizer, x.to(run.dtype), y)
        totals += torch.stack([loss.double() * len(y), correct.double()])
    loss_sum, correct_sum = totals.tolist()
    return loss_sum / len(order), correct_sum / len(order)


def fit(
    config: TrialConfig,
    *,
    report: Callable[[Metrics], None] | None = None,
    resume_from: str | Path | None = None,
    checkpoint_to: str | Path | None = None,
    test: bool = False,
    device: str = "auto",
    images_on_device: float | None = None,
    diagnose: str = "off",
    diagnose_to: str | Path | None = None,
) -> Metrics:
    """Trains the network that ``config`` describes, and measures it.

    Args:
        report: called after every epoch with its metrics, once the epoch's checkpoint is on disk; on resuming, first for every epoch
            already done. Keys: epoch (from 1), train/loss, train/accuracy, val/loss, val/accuracy, learning_rate, firing_rate, seconds.
        resume_from: continue from this checkpoint if the file exists.
        checkpoint_to: replaced atomically after every epoch.
        test: measure the test set, once, at the end.
        device: "cpu", "cuda", or "auto": a GPU if there is one.
        images_on_device: bytes that the images of a split may take there; a larger split is streamed, batch by batch. None: no limit.
        diagnose: "scalars" writes diagnostics.csv (see `eisnn.diagnostics.scalars`) to the folder ``diagnose_to``, epoch 0 being
            the initialised network (see `observer` for which epochs); "distributions" also distributions.npz (see
            `eisnn.diagnostics.distributions`); "my_module:function" also what that function measures. Training does not notice.

    Returns:
        The last epoch's metrics and val/accuracy_best, best_epoch, parameters, seconds_per_epoch, peak_memory_mb; macs, acs, energy_nj
        (per image) where all layers are ours; with ``test`` also test/accuracy, test/loss (last weights) and test/accuracy_best (weights
        of the best validation epoch). Accuracies are fractions.

    Raises:
        Diverged, DataError, CheckpointError: see `eisnn.errors`. UserCodeError: see `eisnn.config.user_code`.
    """
    verify(resolved(config))
    place = pick_device(device)
    memory = MemoryMeter(place)
    data = load_once(config.data, data_root(config.data.root), T=config.model.T)
    train, validation = (
        to_device(split, place, budget=images_on_device) for split in (data.train, data.validation)
    )
    run = Run(config, data, place, keep_best=test)
    if resume_from is not None and Path(resume_from).exists():
        run.restore(Path(resume_from))
        if report is not None:
            for metrics in run.history:
                report(metrics)
    else:
        initialize(run.model, first_batch(run, train), seed=derive(config.seed, "initialize"))

    check_chance = chance_check(config.train, len(validation.labels), data.classes)
    observe = observer(run, train, diagnose, diagnose_to)
    if run.epoch == 0:
        observe(0)
    while run.epoch < config.train.epochs:
        start = time.perf_counter()
        loss, accuracy = train_epoch(run, train)
        measured = evaluate(run.model, validation, dtype=run.dtype)
        check_alive(run.epoch + 1, loss, measured)
        check_chance(run.epoch + 1, measured.accuracy)
        rate = {} if math.isnan(measured.mean_rate) else {"firing_rate": measured.mean_rate}
        run.record(
            {
                "epoch": run.epoch + 1,
                "train/loss": loss,
                "train/accuracy": accuracy,
                "val/loss": measured.loss,
                "val/accuracy": measured.accuracy,
                "learning_rate": run.optimizer.param_groups[0]["lr"],
                **rate,
                "seconds": time.perf_counter() - start,
            }
        )
        observe(
            run.epoch
        )  # before the checkpoint: an epoch that is resumed after has been observed
        if checkpoint_to is not None:
            run.save(Path(checkpoint_to))
        if report is not None:
            report(run.history[-1])

    test_split = to_device(data.test, place, budget=images_on_device) if test else None
    return {**final_metrics(run, validation, test_split), "peak_memory_mb": memory.peak_mb()}


def observer(
    run: Run, train: Split, level: str, folder: str | Path | None
) -> Callable[[int], None]:
    """What is called with each epoch's number to record diagnostics, on the first training images, into ``folder``.

    So that they cost little where epochs are short, they are taken every so many epochs that STEPS_BETWEEN_DIAGNOSTICS optimiser steps
    lie between them; always of epoch 0 and of the last.
    """
    if level == "off":
        return lambda epoch: None
    if folder is None:
        raise ValueError("diagnose needs diagnose_to, the folder to write to")
    x, y = next(batches(train, probe_size(len(train.labels))))
    x, home = x.to(run.dtype), Path(folder)
    probe = Probe(run.model, x, y)
    distributions = (
        Distributions(run.model, x, home / "distributions.npz")
        if level == "distributions"
        else None
    )

    epochs, steps = (
        run.config.train.epochs,
        batch_count(len(train.labels), run.config.train.batch_size),
    )
    stride = math.ceil(STEPS_BETWEEN_DIAGNOSTICS / steps)

    def observe(epoch: int) -> None:
        if epoch % stride and epoch != epochs:
            return
        append_rows(
            home / "diagnostics.csv",
            probe.measure(
                epoch, own_quantities(level, run.model, x, y) if is_reference(level) else {}
            ),
        )
        if distributions is not None:
            distributions.record(epoch)

    return observe


def pick_device(name: str) -> torch.device:
    """ "auto" is a GPU if there is one."""
    return torch.device(
        ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    )


def first_batch(run: Run, train: Split) -> Tensor:
    """The first training batch, without augmentation: what the layers are initialised on."""
    order = shuffled(len(train.labels), seed=run.config.seed, epoch=0, device=train.labels.device)
    x, _ = next(batches(train, run.config.train.batch_size, order=order))
    return x.to(run.dtype)


def final_metrics(run: Run, validation: Split, test: Split | None) -> Metrics:
    """The last epoch's metrics, the best epoch, cost, and where asked for the test set's."""
    history = run.history
    best = best_epoch(history)
    costs: Metrics = {"parameters": sum(parameter.numel() for parameter in run.model.parameters())}
    if not run.config.model.own_layers:
        probe, _ = next(batches(validation, PROBE))
        operations = count_operations(run.model, probe.to(run.dtype))
        costs |= {"macs": operations.macs, "acs": operations.acs, "energy_nj": operations.energy_nj}
    final: Metrics = {
        **history[-1],
        "val/accuracy_best": history[best - 1]["val/accuracy"],
        "best_epoch": best,
        **costs,
        "seconds_per_epoch": seconds_per_epoch(metrics["seconds"] for metrics in history),
    }
    if test is not None:
        last = at_best = evaluate(run.model, test, dtype=run.dtype)
        if best != len(history) and run.best is not None:
            run.model.load_state_dict(run.best)
            at_best = evaluate(run.model, test, dtype=run.dtype)
        final |= {
            "test/accuracy": last.accuracy,
            "test/loss": last.loss,
            "test/accuracy_best": at_best.accuracy,
        }
    return final

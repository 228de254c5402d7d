"""Measures a network on a split: its loss, accuracy and firing rates, and whether it is alive."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eisnn.config.sections.train import TrainConfig
from eisnn.data.batches import Split, batches
from eisnn.diagnostics.observe import layers
from eisnn.errors import Diverged
from eisnn.networks.network import Network
from eisnn.training.losses import CROSS_ENTROPY, Loss, correct_answers, is_class
from eisnn.training.optimizers import warmup_epochs
from eisnn.training.own_metrics import OwnMetric

BATCH = 512  # images; without gradients a large batch is cheap
CHANCE_LEVEL = 0.01  # of the test against guessing


class Evaluation(NamedTuple):
    """What a network does on a split.

    Attributes:
        loss: mean over the images of `eisnn.training.losses.Loss.of_evaluation`.
        accuracy: the fraction of right answers; NaN if labels are not classes.
        rates: spikes per cell and time step, per layer.
        constant: whether every image gets the same logits.
        finite: whether every parameter is finite.
        own: the user's metrics.
    """

    loss: float
    accuracy: float
    rates: dict[str, float]
    constant: bool
    finite: bool = True
    own: Mapping[str, float] = {}

    @property
    def mean_rate(self) -> float:
        """The mean over layers; NaN for a network without cells whose spikes can be seen."""
        if not self.rates:
            return math.nan
        return sum(self.rates.values()) / len(self.rates)


class RateMeter:
    """Mean firing rate of every layer over the batches seen while it is open.

    Rates stay on the device until they are asked for. In a network of the user's, each module with
    an attribute ``spiking = True`` counts as a layer, and its output (the first of several) as
    spikes.
    """

    def __init__(self, model: Network) -> None:
        self.blocks = {
            layer.name: layer.module for layer in layers(model) if layer.cells is not None
        }
        self.foreign = {
            name.removeprefix("net."): module
            for name, module in model.named_modules()
            if getattr(module, "spiking", None) is True
        }
        self.sums: dict[str, Tensor] = {}
        self.entries: dict[str, int] = {}

    def __enter__(self) -> RateMeter:
        self.handles = [
            block.register_forward_hook(self._adder(name)) for name, block in self.blocks.items()
        ]
        self.handles += [
            module.register_forward_hook(self._counter(name))
            for name, module in self.foreign.items()
        ]
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _adder(self, name: str) -> Any:
        def add(module: nn.Module, args: tuple[Any, ...], spikes: Tensor) -> None:
            self._add(name, spikes.mean(dtype=torch.float32).double() * spikes.shape[0])

        return add

    def _counter(self, name: str) -> Any:
        def add(module: nn.Module, args: tuple[Any, ...], answer: Any) -> None:
            spikes = answer[0] if isinstance(answer, tuple) else answer
            self._add(name, spikes.sum(dtype=torch.float64))
            self.entries[name] = self.entries.get(name, 0) + spikes.numel()

        return add

    def _add(self, name: str, total: Tensor) -> None:
        self.sums[name] = self.sums[name] + total if name in self.sums else total

    def rates(self, samples: int) -> dict[str, float]:
        """Returns the rate of each layer over ``samples`` pairs of time step and image."""
        if not self.sums:
            return {}
        means = [total / self.entries.get(name, samples) for name, total in self.sums.items()]
        return dict(zip(self.sums, torch.stack(means).tolist(), strict=True))


def images_at_once(model: Network, device: torch.device) -> int:
    """Returns how many images to evaluate in one batch.

    As many as in a training batch: without gradients they take 0.2 to 0.8 of a training step's
    memory, counted for all families (two of them take up to 1.6 where T is large). On a CPU, where
    memory is plentiful and small batches are slow, it is `BATCH`.
    """
    if device.type == "cpu":
        return BATCH
    return min(BATCH, model.config.train.batch_size)


@torch.no_grad()
def evaluate(
    model: Network,
    split: Split,
    *,
    dtype: torch.dtype = torch.float32,
    loss: Loss = CROSS_ENTROPY,
    metrics: Mapping[str, OwnMetric] = {},
) -> Evaluation:
    """Measures ``model`` in evaluation mode on a whole split. Reads the device once, at the end."""
    model.eval()
    labels = split.labels
    device = labels.device
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    first: Tensor | None = None
    spread = torch.zeros((), dtype=dtype, device=device)
    answers: list[Tensor] = []  # kept only for the user's metrics
    with RateMeter(model) as meter:
        for x, y in batches(split, images_at_once(model, device)):
            logits = model(x.to(dtype)).to(dtype)
            first = logits[:1] if first is None else first
            spread = torch.maximum(spread, (logits - first).abs().max())
            correct = correct_answers(logits, y)
            totals += torch.stack([loss.summed(logits, y).double(), correct.double()])
            if metrics:
                answers.append(logits)
    finite = torch.stack([parameter.isfinite().all() for parameter in model.parameters()]).all()
    loss_mean, accuracy = (totals / len(labels)).tolist()
    logits = torch.cat(answers) if metrics else torch.empty(0)
    return Evaluation(
        loss_mean,
        accuracy if is_class(labels) else math.nan,
        meter.rates(len(labels) * model.T),
        spread.item() == 0,
        bool(finite),
        {name: measure(model, logits, labels) for name, measure in metrics.items()},
    )


def check_alive(epoch: int, train_loss: float, validation: Evaluation) -> None:
    """Raises `Diverged` if the loss or a weight is not finite, or the network is dead.

    From the second epoch on, a network is dead if it gives all images the same answer. The reason
    names the first layer that is silent (never fires) or saturated (fires at over 95 % of the
    steps). Such a layer does not matter as long as images are told apart.
    """
    for name, loss in (("training", train_loss), ("validation", validation.loss)):
        if not math.isfinite(loss):
            raise Diverged(f"the {name} loss is {loss} after epoch {epoch}")
    if not validation.finite:  # a cell driven by NaN is silent, which hides it from the loss
        raise Diverged(f"some weights are not finite after epoch {epoch}")
    if not validation.constant or epoch < 2:
        return
    for layer, rate in validation.rates.items():
        if rate == 0:
            raise Diverged(f"the network is silent after epoch {epoch}: layer {layer} never fires")
        if rate > 0.95:
            raise Diverged(
                f"the network is saturated after epoch {epoch}: layer {layer} fires at {rate:.0%}"
                " of the time steps"
            )
    raise Diverged(f"the network is dead after epoch {epoch}: all images get the same answer")


def above_chance(images: int, classes: int) -> int:
    """Returns how many of ``images`` answers must be right to be more than guesses.

    This is the smallest k with P(X >= k) <= CHANCE_LEVEL for X ~ Bin(images, 1 / classes), a
    one-sided binomial test. It is more than ``images`` if they are too few to tell.
    """
    from scipy.stats import binom

    return int(binom.isf(CHANCE_LEVEL, images, 1 / classes)) + 1


def chance_check(train: TrainConfig, images: int, classes: int) -> Callable[[int, float], None]:
    """Returns a function to call after each epoch with its number and validation accuracy.

    With `train.stop_at_chance`, it raises `Diverged` after an epoch at chance level, beginning with
    the second epoch, or the first that lies wholly after the warm-up if that is later.
    """
    if not train.stop_at_chance or classes < 2:
        return lambda epoch, accuracy: None
    needed, first = above_chance(images, classes), max(2.0, warmup_epochs(train) + 1)

    def check(epoch: int, accuracy: float) -> None:
        right = round(accuracy * images) if math.isfinite(accuracy) else images
        if epoch >= first and right < needed:
            raise Diverged(
                f"at chance level: {right} of {images} validation images right after epoch {epoch},"
                f" chance is 1/{classes}"
            )

    return check

"""Measuring a network on a split: loss, accuracy, firing rates, and whether it is alive at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.config.trial import TrainConfig
from eisnn.data.loading import Split, batches
from eisnn.diagnostics.observe import layers
from eisnn.errors import Diverged
from eisnn.networks.network import Network
from eisnn.training.optimizers import warmup_epochs

BATCH = 512  # images; without gradients a large batch is cheap
CHANCE_LEVEL = 0.01  # of the test against guessing


class Evaluation(NamedTuple):
    """loss: mean cross entropy (nats); accuracy: fraction; rates: spikes per cell and time step, per layer; constant: every image
    gets the same logits; finite: so is every parameter."""

    loss: float
    accuracy: float
    rates: dict[str, float]
    constant: bool
    finite: bool = True

    @property
    def mean_rate(self) -> float:
        """NaN for a network without cells of ours."""
        return sum(self.rates.values()) / len(self.rates) if self.rates else math.nan


class RateMeter:
    """Mean firing rate of every layer over the batches seen while it is open; kept on the device until it is asked for."""

    def __init__(self, model: Network) -> None:
        self.blocks = {
            layer.name: layer.module for layer in layers(model) if layer.cells is not None
        }
        self.sums: dict[str, Tensor] = {}
        self.images = 0

    def __enter__(self) -> RateMeter:
        self.handles = [
            block.register_forward_hook(self._adder(name)) for name, block in self.blocks.items()
        ]
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _adder(self, name: str) -> Any:
        def add(module: nn.Module, args: tuple[Any, ...], spikes: Tensor) -> None:
            total = spikes.mean(dtype=torch.float32).double() * spikes.shape[0]
            self.sums[name] = self.sums[name] + total if name in self.sums else total

        return add

    def rates(self, samples: int) -> dict[str, float]:
        """Per layer; ``samples`` is the number of (time step, image) pairs seen."""
        values = (torch.stack(list(self.sums.values())) / samples).tolist() if self.sums else []
        return dict(zip(self.sums, values, strict=True))


@torch.no_grad()
def evaluate(model: Network, split: Split, *, dtype: torch.dtype = torch.float32) -> Evaluation:
    """Measures ``model`` in evaluation mode on a whole split; reads the device once, at the end."""
    model.eval()
    device = split.labels.device
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    first: Tensor | None = None
    spread = torch.zeros((), dtype=dtype, device=device)
    with RateMeter(model) as meter:
        for x, y in batches(split, BATCH):
            logits = model(x.to(dtype)).to(dtype)
            first = logits[:1] if first is None else first
            spread = torch.maximum(spread, (logits - first).abs().max())
            loss = F.cross_entropy(logits, y, reduction="sum")
            totals += torch.stack([loss.double(), (logits.argmax(1) == y).sum().double()])
    finite = bool(
        torch.stack([parameter.isfinite().all() for parameter in model.parameters()]).all()
    )
    loss_mean, accuracy = (totals / len(split.labels)).tolist()
    return Evaluation(
        loss_mean, accuracy, meter.rates(len(split.labels) * model.T), spread.item() == 0, finite
    )


def check_alive(epoch: int, train_loss: float, validation: Evaluation) -> None:
    """A run goes nowhere whose loss or weights are not finite, or whose network, from the second epoch on, answers all images alike
    because a layer is silent (never fires) or saturated (fires at over 95 % of the steps). A silent layer that activity can bypass is
    no reason.

    Raises:
        Diverged: with the reason.
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
                f"the network is saturated after epoch {epoch}: layer {layer} fires at {rate:.0%} of the time steps"
            )


def above_chance(images: int, classes: int) -> int:
    """How many of ``images`` answers must be right to be more than guesses among ``classes``: one-sided binomial test, CHANCE_LEVEL.

    The smallest k with P(X >= k) <= CHANCE_LEVEL for X ~ Bin(images, 1 / classes); more than ``images`` where so few cannot show it.
    """
    from scipy.stats import binom

    return int(binom.isf(CHANCE_LEVEL, images, 1 / classes)) + 1


def chance_check(train: TrainConfig, images: int, classes: int) -> Callable[[int, float], None]:
    """What is called after each epoch with its number and validation accuracy; it does nothing unless `train.stop_at_chance` asks.

    It raises `Diverged`, with the reason, after an epoch at chance level: from the second one, and the first that lies wholly after the
    warm-up, on.
    """
    if not train.stop_at_chance:
        return lambda epoch, accuracy: None
    needed, first = above_chance(images, classes), max(2.0, warmup_epochs(train) + 1)

    def check(epoch: int, accuracy: float) -> None:
        right = round(accuracy * images)
        if epoch >= first and right < needed:
            raise Diverged(
                f"at chance level: {right} of {images} validation images right after epoch {epoch}, chance is 1/{classes}"
            )

    return check

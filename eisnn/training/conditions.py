"""The accuracy of a trained network on changed test images, or with more or fewer time steps.

    brightness_b   x -> b x
    noise_s        x -> max(0, x + s e), e standard normal for each pixel (E-I circuits need x >= 0)
    steps_n        the same weights run for n time steps instead of model.T

Pixels are in [0, 1] before; afterwards they may exceed 1. The noise of an image is the same for all
networks, seeds and batch sizes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from eisnn.config.conditions import Condition, condition_of
from eisnn.config.trial import TrialConfig
from eisnn.data.batches import Split, batches
from eisnn.errors import ConfigError
from eisnn.networks.network import Network
from eisnn.seeding import generator
from eisnn.training.evaluation import images_at_once
from eisnn.training.losses import correct_answers

BOUND_TO_T = ("tebn", "bntt")  # have weights of their own for each of the T steps


def conditions_among(metrics: Mapping[str, str]) -> dict[str, Condition]:
    """Returns name -> condition for the metrics that are changed test conditions."""
    found = {name: condition_of(word) for name, word in metrics.items()}
    return {name: condition for name, condition in found.items() if condition is not None}


def check_conditions(conditions: Mapping[str, Condition], config: TrialConfig, test: Split) -> None:
    """Raises ConfigError for a condition under which the network cannot be measured."""
    if conditions and test.labels.is_floating_point():
        raise ConfigError(
            f"metrics.{next(iter(conditions))}: is an accuracy, and the labels of "
            f"{config.data.name} are no classes"
        )
    named = [name for name, condition in conditions.items() if condition.kind == "steps"]
    if not named:
        return
    norm = config.model.norm
    why = None
    if norm in BOUND_TO_T:
        why = f"model.norm: {norm} has weights for each of its {config.model.T} steps"
    elif config.model.own_layers:
        why = "layers of your own may hold their number of steps"
    elif test.stored.dim() == 5:
        why = f"events of {config.data.name} are cut into {config.model.T} steps"
    if why is not None:
        raise ConfigError(f"metrics.{named[0]}: the number of steps cannot be changed here: {why}")


@torch.no_grad()
def accuracy_under(
    condition: Condition, model: Network, split: Split, *, dtype: torch.dtype = torch.float32
) -> float:
    """Returns the fraction of right answers under ``condition``, in evaluation mode."""
    model.eval()
    noise = generator("noise")
    right = torch.zeros((), dtype=torch.int64, device=split.labels.device)
    steps = int(condition.amount) if condition.kind == "steps" else model.T
    with running_for(model, steps):
        for x, y in batches(split, images_at_once(model, split.labels.device)):
            changed = change(x, condition, noise)
            right += correct_answers(model(changed.to(dtype)), y)
    return right.item() / len(split)


def change(x: Tensor, condition: Condition, noise: torch.Generator) -> Tensor:
    """Returns a batch of images as the condition shows them."""
    if condition.kind == "brightness":
        return x * condition.amount
    if condition.kind == "noise":
        drawn = torch.stack([torch.randn(x.shape[1:], generator=noise) for _ in x])
        return (x + condition.amount * drawn.to(x.device)).clamp(min=0)
    return x


@contextlib.contextmanager
def running_for(model: Network, steps: int) -> Iterator[None]:
    """Runs the network for ``steps`` time steps while the context is open."""
    holders = [module for module in model.modules() if isinstance(getattr(module, "T", None), int)]
    before = [module.T for module in holders]
    try:
        for module in holders:
            module.T = steps  # type: ignore[assignment]
        yield
    finally:
        for module, T in zip(holders, before, strict=True):
            module.T = T

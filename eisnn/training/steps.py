"""One training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from eisnn.config.sections.data import DataConfig
from eisnn.data.transforms import augment
from eisnn.training.losses import CROSS_ENTROPY, Loss, correct_answers


def training_step(
    model: Callable[..., Tensor],
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[Tensor, Tensor]:
    """Takes one optimiser step on images x [B, ...] and labels y [B].

    Returns:
        The loss and the number of correct answers, on the device.
    """
    answers = model(x, each_step=True) if loss.each_step else model(x)
    value = loss.of_training(answers, y)
    optimizer.zero_grad(set_to_none=True)
    value.backward()
    optimizer.step()
    logits = answers.detach()
    if loss.each_step:
        logits = logits.mean(0)
    return value.detach(), correct_answers(logits, y)


@dataclass(frozen=True)
class Step:
    """A training step with its augmentation; nothing in it waits for the device."""

    network: Callable[..., Tensor]
    optimizer: torch.optim.Optimizer
    loss: Loss
    data: DataConfig
    dtype: torch.dtype

    def __call__(self, x: Tensor, y: Tensor, rng: torch.Generator) -> Tensor:
        """Takes a step; returns float64 [2], the sum of the images' losses and how many answers are
        right."""
        if self.data.augment:
            x = augment(self.data.name, x, rng)
        loss, correct = training_step(self.network, self.optimizer, x.to(self.dtype), y, self.loss)
        return torch.stack([loss.double() * len(y), correct.double()])

    def set_rate(self, rate: float | Tensor) -> None:
        """Sets the learning rate: a number, or a tensor that a captured step reads."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

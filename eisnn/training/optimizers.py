"""Projected SGD, and the learning-rate schedule.

Dale's law by projection: after every step the sign-constrained parameters of E-I circuits (W_EE, W_IE, W_EI, g_I, g_E) are set to
max(0, .). Which parameters those are is decided by their role in a `CircuitLayer`, not by their name in the state dict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from eisnn.config.trial import TrainConfig
from eisnn.layers.circuit import CircuitLayer


class ProjectedSGD(torch.optim.SGD):
    """SGD with momentum whose ``step()`` ends with the projection onto the non-negative orthant. On a CPU the update is torch's fused
    one, a single pass over memory.

    ``first_step="authors"``: the momentum buffer starts at the first gradient and is then updated with it again, so that the first
    step applies (1 + momentum) g; ``"torch"``: it applies g.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        non_negative: Iterable[Tensor],
        *,
        first_step: str = "torch",
        **options: Any,
    ) -> None:
        params = list(params)
        super().__init__(
            params, fused=True if all(p.device.type == "cpu" for p in params) else None, **options
        )
        self.non_negative = list(non_negative)
        self.first_step = first_step

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        if self.first_step == "authors":
            self._start_momentum()
        loss = super().step(closure)
        if self.non_negative:
            torch._foreach_clamp_min_(self.non_negative, 0.0)
        return loss

    def _start_momentum(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if group["momentum"] and p.grad is not None and not self.state[p]:
                    self.state[p]["momentum_buffer"] = p.grad.add(p, alpha=group["weight_decay"])


def non_negative_parameters(model: nn.Module) -> list[Tensor]:
    """The parameters that Dale's law keeps at or above zero by projection."""
    found: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, CircuitLayer) and module.config.dale == "project":
            found += [
                p
                for name, p in module.named_parameters(recurse=False)
                if name not in CircuitLayer.SIGNED
            ]
    return found


def build_optimizer(model: nn.Module, train: TrainConfig) -> ProjectedSGD:
    """One optimiser over all trainable parameters; its ``step()`` includes the projection."""
    return ProjectedSGD(
        [p for p in model.parameters() if p.requires_grad],
        [p for p in non_negative_parameters(model) if p.requires_grad],
        first_step=train.first_step,
        lr=train.learning_rate,
        momentum=train.momentum,
        nesterov=train.nesterov,
        weight_decay=train.weight_decay,
    )


def warmup_epochs(train: TrainConfig) -> float:
    """How long the rate rises, however the config says it."""
    return (
        train.warmup_fraction * train.epochs
        if train.warmup_fraction is not None
        else train.warmup_epochs or 0.0
    )


def learning_rate(train: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """The rate of optimiser step ``step`` (from 0): linear from ``warmup_start`` to ``learning_rate``, then cosine to 0 (or constant).

    With w warm-up steps of s in all: start + (lr - start) step / w for step < w, then lr (1 + cos(pi (step - w) / (s - w))) / 2.
    """
    total = train.epochs * steps_per_epoch
    warmup = min(total, round(warmup_epochs(train) * steps_per_epoch))
    if step < warmup:
        return train.warmup_start + (train.learning_rate - train.warmup_start) * step / warmup
    if train.schedule == "constant":
        return train.learning_rate
    return (
        train.learning_rate * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup))) / 2
    )

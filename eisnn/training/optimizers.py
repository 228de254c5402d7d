"""The optimisers with their projection, and the learning-rate schedule.

Dale's law by projection: after every step of any optimiser, the sign-constrained parameters of E-I
circuits (W_EE, W_IE, W_EI, g_I, g_E) are set to max(0, .). They are found by their role in a
`CircuitLayer`, not by their name in the state dict.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from eisnn.config.sections.train import TrainConfig
from eisnn.config.user_code import UserCodeError, blame, find
from eisnn.kernels.choose import has_own_maps, is_available
from eisnn.layers.circuit import CircuitLayer

Kind = TypeVar("Kind", bound=type[torch.optim.Optimizer])


def _without_dynamo(kind: Kind) -> Kind:
    """Unwraps the methods of an optimiser that torch has wrapped to keep torch.compile out.

    The wrappers import torch._dynamo, which takes over a second and 100 MB in every worker, and our
    steps are never compiled. A step still tracks no gradients.
    """
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        setattr(kind, name, inspect.unwrap(getattr(kind, name)))
    kind.step = torch.no_grad()(inspect.unwrap(kind.step))  # type: ignore[method-assign]
    return kind


@_without_dynamo
class SGD(torch.optim.SGD):
    pass


@_without_dynamo
class Adam(torch.optim.Adam):
    pass


@_without_dynamo
class AdamW(torch.optim.AdamW):
    pass


def project_after_steps(optimizer: torch.optim.Optimizer, non_negative: Iterable[Tensor]) -> None:
    """Makes every later ``step()`` end with the projection onto the non-negative orthant."""
    constrained = list(non_negative)
    if not constrained:
        return

    types = {(x.device.type, x.dtype) for x in constrained}
    at_once = (
        is_available("cpu")
        and has_own_maps("cpu")
        and types <= {("cpu", torch.float32), ("cpu", torch.float64)}
    )

    def project(*step: Any) -> None:
        with torch.no_grad():
            if at_once:
                torch.ops.eisnn.project_(constrained)
            else:
                torch._foreach_clamp_min_(constrained, 0.0)

    optimizer.register_step_post_hook(project)


class ProjectedSGD(SGD):
    """SGD with momentum whose ``step()`` ends with the projection onto the non-negative orthant.

    The update is torch's fused one, a single pass over memory.

    With ``first_step="authors"`` the momentum buffer starts at the first gradient and is then
    updated with it again, so that the first step applies (1 + momentum) g; with ``"torch"`` it
    applies g.
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
        super().__init__(params, fused=is_fusible(params), **options)
        self.first_step = first_step
        project_after_steps(self, non_negative)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        if self.first_step == "authors":
            self._start_momentum()
        return super().step(closure)

    def _start_momentum(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if group["momentum"] and p.grad is not None and not self.state[p]:
                    start = p.grad.add(p, alpha=group["weight_decay"])
                    self.state[p]["momentum_buffer"] = start


def is_fusible(params: Iterable[Tensor]) -> bool | None:
    """Whether torch's fused updates exist for these parameters; None leaves the choice to torch."""
    types = {p.device.type for p in params}
    return True if types in ({"cpu"}, {"cuda"}) else None


def non_negative_parameters(model: nn.Module) -> list[Tensor]:
    """Returns the parameters that Dale's law keeps at or above zero by projection."""
    found: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, CircuitLayer) and module.config.dale == "project":
            found += [
                p
                for name, p in module.named_parameters(recurse=False)
                if name not in CircuitLayer.SIGNED
            ]
    return found


def build_optimizer(model: nn.Module, train: TrainConfig) -> torch.optim.Optimizer:
    """Returns one optimiser over all trainable parameters; its ``step()`` includes the projection.

    Raises:
        UserCodeError: the user's optimiser does not exist, raises an error, or is not an optimiser.
    """
    params = [p for p in model.parameters() if p.requires_grad]
    non_negative = [p for p in non_negative_parameters(model) if p.requires_grad]
    common: dict[str, Any] = {"lr": train.learning_rate, "weight_decay": train.weight_decay}
    if train.optimizer == "sgd":
        return ProjectedSGD(
            params,
            non_negative,
            first_step=train.first_step,
            momentum=train.momentum,
            nesterov=train.nesterov,
            **common,
        )
    if train.optimizer in ADAM:
        beta1 = 0.9 if train.beta1 is None else train.beta1
        beta2 = 0.999 if train.beta2 is None else train.beta2
        eps = 1e-8 if train.eps is None else train.eps
        optimizer: torch.optim.Optimizer = ADAM[train.optimizer](
            params, betas=(beta1, beta2), eps=eps, fused=is_fusible(params), **common
        )
    else:
        optimizer = _own_optimizer(train, params, common)
    project_after_steps(optimizer, non_negative)
    return optimizer


ADAM = {"adam": Adam, "adamw": AdamW}


def _own_optimizer(
    train: TrainConfig, params: Sequence[Tensor], common: dict[str, Any]
) -> torch.optim.Optimizer:
    """Calls the user's optimiser with the parameters and, as keywords, lr, weight_decay and its
    options."""
    make = find(train.optimizer, "train.optimizer")
    with blame(f"train.optimizer: {train.optimizer}:"):
        optimizer = make(params, **{**common, **train.optimizer_options})
    if not isinstance(optimizer, torch.optim.Optimizer):
        given = type(optimizer).__name__
        raise UserCodeError(
            f"train.optimizer: {train.optimizer}: must be, or return, a torch.optim.Optimizer,"
            f" given {given}"
        )
    return optimizer


def warmup_epochs(train: TrainConfig) -> float:
    """Returns for how many epochs the rate rises, in whichever way the config says it."""
    if train.warmup_fraction is not None:
        return train.warmup_fraction * train.epochs
    return train.warmup_epochs or 0.0


def learning_rate(train: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Returns the rate of optimiser step ``step`` (from 0).

    It rises linearly from ``warmup_start`` to ``learning_rate``, then follows a cosine to 0 or
    stays constant. With w warm-up steps out of s:

        start + (lr - start) step / w                   for step < w
        lr (1 + cos(pi (step - w) / (s - w))) / 2       after that
    """
    total = train.epochs * steps_per_epoch
    warmup = min(total, round(warmup_epochs(train) * steps_per_epoch))
    if step < warmup:
        return train.warmup_start + (train.learning_rate - train.warmup_start) * step / warmup
    if train.schedule == "constant":
        return train.learning_rate
    angle = math.pi * (step - warmup) / max(1, total - warmup)
    return train.learning_rate * (1 + math.cos(angle)) / 2

"""Identities that change the gradient passing through them, for the corrections of E-I Prop."""

from __future__ import annotations

import torch
from torch import Tensor


class _ScaleGradient(torch.autograd.Function):
    """Identity whose gradient is multiplied by a constant."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor  # type: ignore[attr-defined]
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * ctx.factor, None  # type: ignore[attr-defined]


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """Returns x, with dL/dx multiplied by ``factor``."""
    return x if factor == 1 else _ScaleGradient.apply(x, factor)


class _CentreGradient(torch.autograd.Function):
    """Identity whose gradient loses its mean over all but the first dimension."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        (upstream,) = grads
        return upstream - upstream.mean(tuple(range(1, upstream.dim())), keepdim=True)


def centre_gradient(x: Tensor) -> Tensor:
    """Returns x, with dL/dx less its mean over all but the first dimension."""
    centred: Tensor = _CentreGradient.apply(x)
    return centred

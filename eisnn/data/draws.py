"""Random numbers for each sample of a batch, drawn from the generator of a transform."""

from __future__ import annotations

import torch
from torch import Tensor

Generator = torch.Generator | None  # None: torch's own


def uniform(
    shape: int | tuple[int, int], low: float, high: float, like: Tensor, generator: Generator
) -> Tensor:
    """Draws uniform numbers in [low, high), ``[B, 1]`` unless another shape is given."""
    if isinstance(shape, int):
        shape = (shape, 1)
    dtype = like.dtype if like.is_floating_point() else torch.float32
    return low + (high - low) * torch.rand(
        shape, generator=generator, device=like.device, dtype=dtype
    )


def integers(batch: int, low: int, high: int, like: Tensor, generator: Generator) -> Tensor:
    """Draws integers from low to high, both included, ``[B, 1]``."""
    return torch.randint(low, high + 1, (batch, 1), generator=generator, device=like.device)

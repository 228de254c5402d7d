"""Colour jitter of whole batches, each sample with factors and an order of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from eisnn.data.draws import Generator, uniform


def random_colours(
    x: Tensor, strengths: tuple[float, float, float, float], generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draws the order ``[B, 4]`` of brightness, contrast, saturation and hue (0 to 3), and their
    factors ``[B, 4]``."""
    order = torch.rand((len(x), 4), generator=generator, device=x.device).argsort(1)
    factors = [
        uniform(len(x), c - s, c + s, x, generator)
        for c, s in zip((1, 1, 1, 0), strengths, strict=True)
    ]
    return order, torch.cat(factors, dim=1)


def colour_jitter(x: Tensor, order: Tensor, factors: Tensor) -> Tensor:
    """Changes brightness, contrast, saturation and hue of each sample, in an order of its own.

    The first three are blends with black, the mean grey and the grey image; hue turns the colour
    circle. ``x`` is ``[B, 3, H, W]`` in [0, 1]; operation ``order[b, k]`` is the k-th that sample b
    undergoes, with ``factors[b, order[b, k]]``.
    """
    for turn in range(4):
        operation = order[:, turn, None, None, None]
        factor = factors.gather(1, order[:, turn, None])[:, :, None, None]
        grey = 0.2989 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]
        other = grey.where(operation == 2, grey.mean((1, 2, 3), keepdim=True) * (operation == 1))
        blended = (factor * x + (1 - factor) * other).clamp(0, 1)
        x = _hue_turned(x, factor).where(operation == 3, blended)
    return x


def _hue_turned(x: Tensor, turns: Tensor) -> Tensor:
    """Converts RGB to hue, adds ``turns`` to it, and converts back.

    Channel n of (5, 3, 1) is ``v - c max(0, min(k, 4 - k, 1))``, ``k = (n + 6 hue) mod 6``.
    """
    red, green, blue = x.unbind(1)
    value, low = x.amax(1), x.amin(1)
    chroma = value - low
    unit = chroma.where(chroma > 0, 1)
    sixth = torch.where(
        value == red,
        (green - blue) / unit,
        torch.where(value == green, 2 + (blue - red) / unit, 4 + (red - green) / unit),
    )
    hue = sixth + 6 * turns[:, 0]
    k = (hue[:, None] + torch.arange(5, 0, -2, device=x.device)[None, :, None, None]) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)

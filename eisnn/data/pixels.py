"""Moves pixels of whole batches: a transform is a map from output to input coordinates.

Coordinates are in pixels of the input, with one list for each sample.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def take(x: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """``out[b, c, i, j] = x[b, c, rows[b, i], cols[b, j]]``, 0 outside of the image.

    ``rows`` int64 ``[B, H']``, ``cols`` ``[B, W']``.
    """
    height, width = x.shape[2:]
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((cols >= 0) & (cols < width))[
        :, None, None, :
    ]
    return _take_cols(_take_rows(x, rows.clamp(0, height - 1)), cols.clamp(0, width - 1)) * inside


def interpolate(x: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Bilinear `take`: ``rows`` and ``cols`` are fractional, and inside of the image."""
    row, col = rows.floor().long(), cols.floor().long()
    down, right = (rows - row)[:, None, :, None], (cols - col)[:, None, None, :]
    x = torch.lerp(_take_cols(x, col), _take_cols(x, (col + 1).clamp(max=x.shape[3] - 1)), right)
    return torch.lerp(_take_rows(x, row), _take_rows(x, (row + 1).clamp(max=x.shape[2] - 1)), down)


def take_2d(x: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """``out[b, c, i, j] = x[b, c, rows[b, i, j], cols[b, i, j]]``, 0 outside of the image.

    ``rows`` and ``cols`` are int64 ``[B, H, W]``.
    """
    height, width = x.shape[2:]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    index = (rows * width + cols).where(inside, 0)
    taken = x.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, x.shape[1], -1))
    return taken.view_as(x) * inside[:, None]


def _take_rows(x: Tensor, rows: Tensor) -> Tensor:
    return x.gather(2, rows[:, None, :, None].expand(-1, x.shape[1], -1, x.shape[3]))


def _take_cols(x: Tensor, cols: Tensor) -> Tensor:
    return x.gather(3, cols[:, None, None, :].expand(-1, x.shape[1], x.shape[2], -1))


def rotated(rows: Tensor, cols: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the coordinates of the nearest pixels in an image turned anticlockwise about its
    centre.

    ``rows`` and ``cols`` are int64 ``[B, H, W]``, ``degrees`` is ``[B, 1]``.
    """
    angle = (degrees * (math.pi / 180))[:, :, None]
    middle_row, middle_col = (rows.shape[1] - 1) / 2, (rows.shape[2] - 1) / 2
    y, x = rows - middle_row, cols - middle_col
    from_y = angle.cos() * y + angle.sin() * x
    from_x = angle.cos() * x - angle.sin() * y
    return (from_y + middle_row).round().long(), (from_x + middle_col).round().long()


def positions(batch: int, size: int, like: Tensor) -> Tensor:
    """Returns 0 .. size-1 for each sample, int64 ``[B, size]``."""
    return torch.arange(size, device=like.device).expand(batch, size)


def stretched(start: Tensor, length: Tensor, size: int, like: Tensor) -> Tensor:
    """Returns the coordinates ``[B, size]`` that stretch ``length`` pixels from ``start`` on to
    ``size`` pixels.
    """
    centres = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) * (
        length / size
    ) - 0.5
    return start + torch.minimum(centres.clamp(min=0), length - 1)


def box(
    top: Tensor, left: Tensor, height: Tensor | int, width: Tensor | int, like: Tensor
) -> Tensor:
    """True inside of each sample's box, ``[B, H, W]``."""
    row = torch.arange(like.shape[2], device=like.device)
    col = torch.arange(like.shape[3], device=like.device)
    return ((row >= top) & (row < top + height))[:, :, None] & (
        (col >= left) & (col < left + width)
    )[:, None, :]

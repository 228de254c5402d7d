"""Training transforms, on whole batches where they lie.

Every sample has random parameters of its own, drawn at once from one generator.

No loop over samples, nothing is read back from the device, values stay >= 0 and no mean is
subtracted. A transform is a map from output to input coordinates (`take`, `interpolate`, `take_2d`)
or a mask; its parameters are drawn by the functions named ``random_*``. All frames of an event
sample undergo the same transform.

Source: the recipe of Liu, Ding, Yu (ICLR 2026), with these differences. Erased boxes are black, not
of one channel's random value. DVS-Gesture is never flipped: left and right are different classes.
Random resized crops are taken from the stored 32x32 (TinyImageNet) or 48x48 (event) images rather
than from the originals, and bilinear.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from eisnn.config.datasets import DATASETS

Generator = torch.Generator | None  # None: torch's own


def augment(name: str, x: Tensor, generator: Generator) -> Tensor:
    """The training transform of dataset ``name``.

    ``x`` ``[B, C, H, W]``, or ``[B, T, C, H, W]`` of event data, of the same shape out.

    ``generator`` is on the device of ``x``. Digits, MNIST and Fashion-MNIST have no transform.
    """
    published = DATASETS.get(name)
    if published is None or published.transform is None:
        return x
    transform: Callable[[Tensor, Generator], Tensor] = globals()[published.transform]
    channels = x.flatten(1, -3)  # the frames of a sample are so many channels
    return transform(channels, generator).view_as(x)


def cifar(x: Tensor, generator: Generator) -> Tensor:
    """Random crop of the image padded by 4, erasing, horizontal flip."""
    batch, _, height, width = x.shape
    rows = _positions(batch, height, x) + _integers(batch, -4, 4, x, generator)
    cols = _positions(batch, width, x) + _integers(batch, -4, 4, x, generator)
    x = take(x, rows, random_flip(cols, width, generator))
    return x * random_erasing(x, generator)


def tiny_imagenet(x: Tensor, generator: Generator) -> Tensor:
    """Random resized crop (8 to 100 % of the area), horizontal flip, colour jitter, erasing."""
    rows, cols = random_resized_crop(x, (0.08, 1.0), generator)
    x = interpolate(x, rows, random_flip(cols, None, generator))
    x = colour_jitter(x, *random_colours(x, (0.4, 0.4, 0.4, 0.1), generator))
    return x * random_erasing(x, generator)


def cifar10_dvs(x: Tensor, generator: Generator) -> Tensor:
    """Random resized crop (70 to 100 % of the area), horizontal flip, and one of three.

    Roll by up to 5, rotate by up to 30 degrees, erase 16.
    """
    rows, cols = random_resized_crop(x, (0.7, 1.0), generator)
    x = interpolate(x, rows, random_flip(cols, None, generator))
    return random_roll_rotate_or_erase(x, generator)


def dvs_gesture(x: Tensor, generator: Generator) -> Tensor:
    """Random resized crop (50 to 100 % of the area)."""
    return interpolate(x, *random_resized_crop(x, (0.5, 1.0), generator))


# --- moving pixels: coordinates are of the input, in pixels, one list per sample


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

    int64 ``[B, H, W]``.
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


# --- random parameters


def random_flip(cols: Tensor, width: int | None, generator: Generator) -> Tensor:
    """Columns from right to left in half of the samples.

    ``width`` mirrors in the image, None in the columns' own order.
    """
    flipped = cols.flip(1) if width is None else width - 1 - cols
    return flipped.where(_uniform(len(cols), 0, 1, cols, generator) < 0.5, cols)


def random_resized_crop(
    x: Tensor, scale: tuple[float, float], generator: Generator
) -> tuple[Tensor, Tensor]:
    """Rows ``[B, H]`` and columns ``[B, W]`` at which a random box fills the image."""
    top, left, height, width = random_boxes(x, scale, generator)
    return _stretched(top, height, x.shape[2], x), _stretched(left, width, x.shape[3], x)


def random_boxes(
    x: Tensor, scale: tuple[float, float], generator: Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Top, left, height and width ``[B, 1]`` of random boxes.

    They have a share ``scale`` of the area and a ratio of sides of 3/4 to 4/3.

    As torchvision does, the first of ten boxes that fits is taken, and the whole (square) image if
    none does.
    """
    batch, _, height, width = x.shape
    area = height * width * _uniform((batch, 10), *scale, x, generator)
    ratio = _uniform((batch, 10), math.log(3 / 4), math.log(4 / 3), x, generator).exp()
    widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    any_fits = fits.any(1, keepdim=True)
    box_height = heights.gather(1, first).where(any_fits, height)
    box_width = widths.gather(1, first).where(any_fits, width)
    top = (_uniform(batch, 0, 1, x, generator) * (height - box_height + 1)).floor()
    left = (_uniform(batch, 0, 1, x, generator) * (width - box_width + 1)).floor()
    return top, left, box_height, box_width


def random_erasing(x: Tensor, generator: Generator) -> Tensor:
    """A mask ``[B, 1, H, W]`` that is 0, in half of the samples, in a box of 2 to 40 % of the area.

    The ratio of sides is 0.4 to 2.5, so that every such box fits a square image and none has to be
    drawn again.
    """
    batch, _, height, width = x.shape
    area = _uniform(batch, 0.02, 0.4, x, generator)
    side = _uniform(batch, math.log(0.4), math.log(2.5), x, generator).exp().sqrt()
    box_height = (area.sqrt() * side * height).round().clamp(1, height)
    box_width = (area.sqrt() / side * width).round().clamp(1, width)
    top = (_uniform(batch, 0, 1, x, generator) * (height - box_height + 1)).floor()
    left = (_uniform(batch, 0, 1, x, generator) * (width - box_width + 1)).floor()
    erased = _uniform(batch, 0, 1, x, generator) < 0.5
    inside = _box(top, left, box_height, box_width, x) & erased[:, :, None]
    return (~inside)[:, None]


def random_roll_rotate_or_erase(x: Tensor, generator: Generator) -> Tensor:
    """One of three transforms, drawn for each sample.

    Roll by -5 to 5 pixels, rotate by -30 to 30 degrees, erase 16x16 pixels (less at an edge).
    """
    batch, _, height, width = x.shape
    choice = _integers(batch, 0, 2, x, generator)[:, :, None]
    down, right = _integers(batch, -5, 5, x, generator), _integers(batch, -5, 5, x, generator)
    angle = _uniform(batch, -30, 30, x, generator)
    top, left = (
        _integers(batch, -8, height - 9, x, generator),
        _integers(batch, -8, width - 9, x, generator),
    )
    rows = _positions(batch, height, x)[:, :, None].expand(batch, height, width)
    cols = _positions(batch, width, x)[:, None, :].expand(batch, height, width)
    turned_rows, turned_cols = rotated(rows, cols, angle)
    rows = ((rows - down[:, :, None]) % height).where(
        choice == 0, turned_rows.where(choice == 1, rows)
    )
    cols = ((cols - right[:, :, None]) % width).where(
        choice == 0, turned_cols.where(choice == 1, cols)
    )
    erased = _box(top, left, 16, 16, x) & (choice == 2)
    return take_2d(x, rows, cols) * (~erased)[:, None]


def rotated(rows: Tensor, cols: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Where the nearest pixel comes from if the image ``[B, H, W]`` is turned.

    It is turned anticlockwise about its centre by ``degrees`` ``[B, 1]``.
    """
    angle = (degrees * (math.pi / 180))[:, :, None]
    middle_row, middle_col = (rows.shape[1] - 1) / 2, (rows.shape[2] - 1) / 2
    y, x = rows - middle_row, cols - middle_col
    from_y = angle.cos() * y + angle.sin() * x
    from_x = angle.cos() * x - angle.sin() * y
    return (from_y + middle_row).round().long(), (from_x + middle_col).round().long()


# --- colours


def random_colours(
    x: Tensor, strengths: tuple[float, float, float, float], generator: Generator
) -> tuple[Tensor, Tensor]:
    """The order ``[B, 4]`` of brightness, contrast, saturation, hue (0 to 3), and their factors."""
    order = torch.rand((len(x), 4), generator=generator, device=x.device).argsort(1)
    factors = [
        _uniform(len(x), c - s, c + s, x, generator)
        for c, s in zip((1, 1, 1, 0), strengths, strict=True)
    ]
    return order, torch.cat(factors, dim=1)


def colour_jitter(x: Tensor, order: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast and saturation are blends; hue turns the colour circle.

    They are blends with black, the mean grey and the grey image.

    ``x`` ``[B, 3, H, W]`` in [0, 1]; operation ``order[b, k]`` is the k-th that sample b undergoes,
    with ``factors[b, order[b, k]]``.
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
    """RGB to hue, hue + ``turns``, and back.

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


# --- small parts


def _uniform(
    shape: int | tuple[int, int], low: float, high: float, like: Tensor, generator: Generator
) -> Tensor:
    """Uniform in [low, high), ``[B, 1]`` unless another shape is given."""
    shape = (shape, 1) if isinstance(shape, int) else shape
    dtype = like.dtype if like.is_floating_point() else torch.float32
    return low + (high - low) * torch.rand(
        shape, generator=generator, device=like.device, dtype=dtype
    )


def _integers(batch: int, low: int, high: int, like: Tensor, generator: Generator) -> Tensor:
    """Integers from low to high, both included, ``[B, 1]``."""
    return torch.randint(low, high + 1, (batch, 1), generator=generator, device=like.device)


def _positions(batch: int, size: int, like: Tensor) -> Tensor:
    """0 .. size-1 for each sample, int64 ``[B, size]``."""
    return torch.arange(size, device=like.device).expand(batch, size)


def _stretched(start: Tensor, length: Tensor, size: int, like: Tensor) -> Tensor:
    """``[B, size]`` positions of pixel centres.

    ``length`` pixels from ``start`` on are stretched to ``size``.
    """
    centres = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) * (
        length / size
    ) - 0.5
    return start + torch.minimum(centres.clamp(min=0), length - 1)


def _box(
    top: Tensor, left: Tensor, height: Tensor | int, width: Tensor | int, like: Tensor
) -> Tensor:
    """True inside of each sample's box, ``[B, H, W]``."""
    row = torch.arange(like.shape[2], device=like.device)
    col = torch.arange(like.shape[3], device=like.device)
    return ((row >= top) & (row < top + height))[:, :, None] & (
        (col >= left) & (col < left + width)
    )[:, None, :]

"""Training transforms of whole batches, on the device where the batches are.

Every sample has random parameters of its own, all drawn at once from one generator. Nothing loops
over samples or is read back from the device; values stay >= 0, and no mean is subtracted. A
transform is a map from output to input coordinates (`eisnn.data.pixels`) or a mask; the functions
named ``random_*`` draw its parameters. All frames of an event sample undergo the same transform.

Source: the recipe of Liu, Ding, Yu (ICLR 2026), with these differences. Erased boxes are black
instead of having one channel's random value. DVS-Gesture is never flipped, since left and right are
different classes. Random resized crops are bilinear and taken from the stored 32x32 (TinyImageNet)
or 48x48 (event) images, not from the originals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from eisnn.config.datasets import DATASETS
from eisnn.data.colours import colour_jitter, random_colours
from eisnn.data.draws import Generator, integers, uniform
from eisnn.data.pixels import box, interpolate, positions, rotated, stretched, take, take_2d


def augment(name: str, x: Tensor, generator: Generator) -> Tensor:
    """Applies the training transform of dataset ``name``.

    ``x`` is ``[B, C, H, W]``, or ``[B, T, C, H, W]`` for event data, and keeps its shape.
    ``generator`` is on the device of ``x``. Digits, MNIST and Fashion-MNIST have no transform.
    """
    published = DATASETS.get(name)
    if published is None or published.transform is None:
        return x
    transform: Callable[[Tensor, Generator], Tensor] = globals()[published.transform]
    channels = x.flatten(1, -3)  # the frames of a sample count as channels
    return transform(channels, generator).view_as(x)


def cifar(x: Tensor, generator: Generator) -> Tensor:
    """Random crop of the image padded by 4, erasing, horizontal flip."""
    batch, _, height, width = x.shape
    rows = positions(batch, height, x) + integers(batch, -4, 4, x, generator)
    cols = positions(batch, width, x) + integers(batch, -4, 4, x, generator)
    x = take(x, rows, random_flip(cols, width, generator))
    return x * random_erasing(x, generator)


def tiny_imagenet(x: Tensor, generator: Generator) -> Tensor:
    """Random resized crop (8 to 100 % of the area), horizontal flip, colour jitter, erasing."""
    rows, cols = random_resized_crop(x, (0.08, 1.0), generator)
    x = interpolate(x, rows, random_flip(cols, None, generator))
    x = colour_jitter(x, *random_colours(x, (0.4, 0.4, 0.4, 0.1), generator))
    return x * random_erasing(x, generator)


def cifar10_dvs(x: Tensor, generator: Generator) -> Tensor:
    """Random resized crop (70 to 100 % of the area), horizontal flip, then a roll, a rotation or
    erasing."""
    rows, cols = random_resized_crop(x, (0.7, 1.0), generator)
    x = interpolate(x, rows, random_flip(cols, None, generator))
    return random_roll_rotate_or_erase(x, generator)


def dvs_gesture(x: Tensor, generator: Generator) -> Tensor:
    """Random resized crop (50 to 100 % of the area)."""
    return interpolate(x, *random_resized_crop(x, (0.5, 1.0), generator))


def random_flip(cols: Tensor, width: int | None, generator: Generator) -> Tensor:
    """Reverses the columns of half of the samples.

    ``width`` mirrors them within the image; None reverses their order.
    """
    flipped = cols.flip(1) if width is None else width - 1 - cols
    return flipped.where(uniform(len(cols), 0, 1, cols, generator) < 0.5, cols)


def random_resized_crop(
    x: Tensor, scale: tuple[float, float], generator: Generator
) -> tuple[Tensor, Tensor]:
    """Returns rows ``[B, H]`` and columns ``[B, W]`` with which a random box fills the image."""
    top, left, height, width = random_boxes(x, scale, generator)
    return stretched(top, height, x.shape[2], x), stretched(left, width, x.shape[3], x)


def random_boxes(
    x: Tensor, scale: tuple[float, float], generator: Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns top, left, height and width ``[B, 1]`` of random boxes.

    Their share of the area is drawn from ``scale``, their ratio of sides from 3/4 to 4/3. As in
    torchvision, the first of ten boxes that fits is taken, or the whole (square) image if none
    does.
    """
    batch, _, height, width = x.shape
    area = height * width * uniform((batch, 10), *scale, x, generator)
    ratio = uniform((batch, 10), math.log(3 / 4), math.log(4 / 3), x, generator).exp()
    widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    any_fits = fits.any(1, keepdim=True)
    box_height = heights.gather(1, first).where(any_fits, height)
    box_width = widths.gather(1, first).where(any_fits, width)
    top = (uniform(batch, 0, 1, x, generator) * (height - box_height + 1)).floor()
    left = (uniform(batch, 0, 1, x, generator) * (width - box_width + 1)).floor()
    return top, left, box_height, box_width


def random_erasing(x: Tensor, generator: Generator) -> Tensor:
    """Returns a mask ``[B, 1, H, W]`` that is 0 in a box of 2 to 40 % of the area, in half of the
    samples.

    The ratio of sides is 0.4 to 2.5, so that every box fits a square image and none has to be drawn
    again.
    """
    batch, _, height, width = x.shape
    area = uniform(batch, 0.02, 0.4, x, generator)
    side = uniform(batch, math.log(0.4), math.log(2.5), x, generator).exp().sqrt()
    box_height = (area.sqrt() * side * height).round().clamp(1, height)
    box_width = (area.sqrt() / side * width).round().clamp(1, width)
    top = (uniform(batch, 0, 1, x, generator) * (height - box_height + 1)).floor()
    left = (uniform(batch, 0, 1, x, generator) * (width - box_width + 1)).floor()
    erased = uniform(batch, 0, 1, x, generator) < 0.5
    inside = box(top, left, box_height, box_width, x) & erased[:, :, None]
    return (~inside)[:, None]


def random_roll_rotate_or_erase(x: Tensor, generator: Generator) -> Tensor:
    """Applies one of three transforms, drawn for each sample.

    They are a roll by -5 to 5 pixels, a rotation by -30 to 30 degrees, and erasing 16x16 pixels
    (fewer at an edge).
    """
    batch, _, height, width = x.shape
    choice = integers(batch, 0, 2, x, generator)[:, :, None]
    down, right = integers(batch, -5, 5, x, generator), integers(batch, -5, 5, x, generator)
    angle = uniform(batch, -30, 30, x, generator)
    top, left = (
        integers(batch, -8, height - 9, x, generator),
        integers(batch, -8, width - 9, x, generator),
    )
    rows = positions(batch, height, x)[:, :, None].expand(batch, height, width)
    cols = positions(batch, width, x)[:, None, :].expand(batch, height, width)
    turned_rows, turned_cols = rotated(rows, cols, angle)
    rows = ((rows - down[:, :, None]) % height).where(
        choice == 0, turned_rows.where(choice == 1, rows)
    )
    cols = ((cols - right[:, :, None]) % width).where(
        choice == 0, turned_cols.where(choice == 1, cols)
    )
    erased = box(top, left, 16, 16, x) & (choice == 2)
    return take_2d(x, rows, cols) * (~erased)[:, None]

"""Labelled images, served in whole batches from where they live.

Images stay as they are stored (``uint8``, or ``float32`` in a dataset of the user's) until a batch
is made of them. A batch is one gather and one multiplication: there are no worker processes, and
nothing waits for the device. Pixels are in [0, 1] (event data: counts, which may exceed 1), and no
mean is ever subtracted, since E-I circuits need inputs >= 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eisnn.seeding import generator


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled images.

    ``stored`` may be a memory-mapped file that all splits and all processes share: it is only read.
    """

    stored: Tensor  # uint8 or float32 [M, C, H, W], event data [M, T, C, H, W]; M >= N
    labels: Tensor  # int64 [N]; float32 [N] or [N, k] where targets are not classes
    scale: float  # image value = stored value * scale
    rows: Tensor | None = None  # int64 [N]: which of the stored images; None: all, in order
    streamed_to: torch.device | None = None  # where batches are sent, if images do not live there

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def images(self) -> Tensor:
        """[N, C, H, W] or [N, T, C, H, W]; a copy, unless the split is all that is stored."""
        if self.rows is None:
            return self.stored
        return self.stored.index_select(0, self.rows)

    @property
    def device(self) -> torch.device:
        """Where batches come out."""
        return self.streamed_to or self.stored.device


def to_device(split: Split, device: torch.device | str, *, budget: float | None = None) -> Split:
    """Returns the split with its images on ``device``; on the CPU they stay where they are, shared.

    Args:
        budget: bytes that the images may take there. A larger split stays where it is, and each of
            its batches is sent (to a GPU through pinned memory).
    """
    device = torch.device(device)
    labels = split.labels.to(device)
    if budget is not None and len(split) * split.stored[0].nbytes > budget:
        return replace(split, labels=labels, streamed_to=device)
    if device.type == split.stored.device.type == "cpu":
        return split
    return Split(split.images.to(device), labels, split.scale)


def batch_count(images: int, batch_size: int) -> int:
    """Returns how many training batches an epoch has.

    The last batch may be smaller. If it would be a single image, which cannot be normalised, that
    image joins the batch before. This holds for every network, so that all see the same batches,
    and every image counts once per epoch.
    """
    count = math.ceil(images / batch_size)
    alone = batch_size > 1 and images % batch_size == 1
    return max(1, count - 1) if alone else count


def batches(
    split: Split, batch_size: int, *, order: Tensor | None = None, training: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields ``x`` float32 ``[B, C, H, W]`` (or ``[B, T, C, H, W]``) and ``y`` ``[B]``.

    Both are on the split's device. ``order`` (int64, on any device) is the order of the images;
    without it they come as they are stored. In ``training`` there are `batch_count` batches;
    otherwise the last may hold a single image.
    """
    source = split.stored.device
    rows = split.rows
    labels = split.labels
    if order is not None:
        labels = labels.index_select(0, order.to(labels.device))
        order = order.to(source)
        rows = order if rows is None else rows.index_select(0, order)
    count = math.ceil(len(labels) / batch_size)
    if training:
        count = batch_count(len(labels), batch_size)
    for index in range(count):
        start = index * batch_size
        end = len(labels) if index == count - 1 else start + batch_size
        if rows is None:
            images = split.stored[start:end]
        else:
            images = split.stored.index_select(0, rows[start:end])
        if split.streamed_to is not None:
            if split.streamed_to.type == "cuda":
                images = images.pin_memory()
            images = images.to(split.streamed_to, non_blocking=True)
        x = images.to(torch.float32)
        # float images may be a view of what is stored, which is not ours to change
        x = x * split.scale if x is images else x.mul_(split.scale)
        yield x, labels[start:end]


def shuffled(n: int, *, seed: int, epoch: int, device: torch.device | str) -> Tensor:
    """Returns a permutation of 0 .. n-1, int64 ``[n]``, the same on every device for a seed and an
    epoch."""
    return torch.randperm(n, generator=generator(seed, "order", epoch)).to(
        device, non_blocking=True
    )

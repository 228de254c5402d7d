"""Datasets as tensors: read once, split by seed, and served in whole batches from the device they live on.

Images stay ``uint8`` until a batch is made of them: a batch is one gather and one multiplication, there are no worker processes,
and nothing waits for the device. Pixels are in [0, 1] (event data: counts, which may exceed 1) and no mean is ever subtracted: E-I
circuits need inputs >= 0.

Sizes. ``train_size`` images are taken from the official training set (default: all of it), and ``validation_fraction`` of them
are for validation. Where there is no official test set (digits: 20 %, CIFAR10-DVS: 10 % are held out), both fractions are of all
images: digits are split 70/10/20, CIFAR10-DVS 80/10/10. Everything is stratified by class and a function of ``split_seed`` alone.
DVS-Gesture is validated on people who are not trained on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eisnn.config.trial import DataConfig
from eisnn.config.user_code import is_reference
from eisnn.data import events, splits
from eisnn.data import images as datasets
from eisnn.data.files import data_root
from eisnn.data.own import own_source
from eisnn.data.source import Source
from eisnn.errors import DataError
from eisnn.seeding import generator

SHAPES: dict[str, tuple[tuple[int, int, int], int]] = {  # (C, H, W) and classes
    "digits": ((1, 8, 8), 10),
    "mnist": ((1, 28, 28), 10),
    "fashion_mnist": ((1, 28, 28), 10),
    "cifar10": ((3, 32, 32), 10),
    "cifar100": ((3, 32, 32), 100),
    "tiny_imagenet": ((3, 32, 32), 200),
    "cifar10_dvs": ((2, 48, 48), 10),
    "dvs_gesture": ((2, 48, 48), 11),
}

EVENTS = ("cifar10_dvs", "dvs_gesture")

_READERS: dict[str, Callable[[Path, int], Source]] = {
    "digits": lambda root, T: datasets.digits(),
    "mnist": lambda root, T: datasets.mnist(root),
    "fashion_mnist": lambda root, T: datasets.fashion_mnist(root),
    "cifar10": lambda root, T: datasets.cifar10(root),
    "cifar100": lambda root, T: datasets.cifar100(root),
    "tiny_imagenet": lambda root, T: datasets.tiny_imagenet(root),
    "cifar10_dvs": events.cifar10_dvs,
    "dvs_gesture": events.dvs_gesture,
}


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled images. ``stored`` may be a memory-mapped file that all splits and all processes share: it is only read."""

    stored: Tensor  # uint8 [M, C, H, W], event data [M, T, C, H, W]; M >= N
    labels: Tensor  # int64 [N]
    scale: float  # image value = uint8 * scale
    rows: Tensor | None = None  # int64 [N]: which of the stored images; None: all, in order
    streamed_to: torch.device | None = (
        None  # where batches are sent, if the images do not live there
    )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def images(self) -> Tensor:
        """uint8 [N, C, H, W] or [N, T, C, H, W]; a copy, unless the split is everything that is stored."""
        return self.stored if self.rows is None else self.stored.index_select(0, self.rows)

    @property
    def device(self) -> torch.device:
        """Where batches come out."""
        return self.streamed_to or self.stored.device


@dataclass(frozen=True, eq=False)
class Dataset:
    name: str
    train: Split
    validation: Split
    test: Split
    classes: int

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """C, H, W of one image, or of one frame."""
        channels, height, width = self.train.stored.shape[-3:]
        return channels, height, width


def load(data: DataConfig, *, T: int) -> Dataset:
    """The dataset on the CPU. ``T`` is the number of frames of event data; static images do not depend on it.

    Raises:
        DataError: it is missing, truncated or corrupt, or the sizes asked for cannot be met.
    """
    source, classes = _source(data, T)
    train, validation, test = _parts(data, source)
    train_set = torch.from_numpy(source.images)
    test_set = train_set if source.test_images is None else torch.from_numpy(source.test_images)
    test_labels = source.labels if source.test_labels is None else source.test_labels

    def split(stored: Tensor, labels: np.ndarray, rows: np.ndarray) -> Split:
        everything = len(rows) == len(stored)
        return Split(
            stored,
            torch.from_numpy(labels[rows]),
            source.scale,
            None if everything else torch.from_numpy(rows),
        )

    return Dataset(
        name=data.name,
        train=split(train_set, source.labels, train),
        validation=split(train_set, source.labels, validation),
        test=split(test_set, test_labels, test),
        classes=classes,
    )


def _source(data: DataConfig, T: int) -> tuple[Source, int]:
    """The images as published, and how many classes they are of."""
    if is_reference(data.name):
        source = own_source(data.name, data_root(data.root), T)
        labels = [labels for labels in (source.labels, source.test_labels) if labels is not None]
        return source, int(np.concatenate(labels).max()) + 1
    source = _READERS[data.name](data_root(data.root), T)
    shape, classes = SHAPES[data.name]
    _check(data.name, source, shape, classes)
    return source, classes


def shape_of(data: DataConfig, *, T: int) -> tuple[tuple[int, ...], tuple[int, int, int], int]:
    """((T,) of event data, () of images; (C, H, W); classes). Reads no files, but of a dataset of the user's."""
    if not is_reference(data.name):
        return (T,) if data.name in EVENTS else (), *SHAPES[data.name]
    source, classes = _source(data, T)
    channels, height, width = source.images.shape[-3:]
    return source.images.shape[1:-3], (channels, height, width), classes


@functools.lru_cache(maxsize=1)
def load_once(data: DataConfig, root: Path, *, T: int) -> Dataset:
    """`load`, for the trials that a worker trains one after another: the same images, split the same way. ``root``: `data_root`'s answer,
    which the environment may change."""
    return load(data, T=T)


def _parts(data: DataConfig, source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the training, validation and test split; the test rows count in ``source.test_images`` where there are such."""
    seed, images = data.split_seed, f"training images of {data.name}"
    pool, whole = np.arange(len(source.labels)), len(source.labels)
    if source.test_labels is None:
        count = round(source.test_fraction * whole)
        pool, test = splits.divide(
            source.labels, count, seed=seed, key="the test set", of=f"images of {data.name}"
        )
        test_labels = source.labels[test]
    else:
        test, test_labels = np.arange(len(source.test_labels)), source.test_labels
    if data.test_size is not None:
        test = test[
            splits.choose(
                test_labels,
                data.test_size,
                seed=seed,
                key="data.test_size",
                of=f"test images of {data.name}",
            )
        ]
    if data.train_size is not None:
        pool = pool[
            splits.choose(
                source.labels[pool], data.train_size, seed=seed, key="data.train_size", of=images
            )
        ]
        whole = data.train_size
    key = f"data.validation_fraction ({data.validation_fraction:g})"
    if source.users is not None:
        train, held = splits.divide_users(
            source.users[pool], data.validation_fraction, seed=seed, key=key, of=images
        )
    else:
        count = round(data.validation_fraction * whole)
        train, held = splits.divide(source.labels[pool], count, seed=seed, key=key, of=images)
    return pool[train], pool[held], test


def _check(name: str, source: Source, shape: tuple[int, int, int], classes: int) -> None:
    """Readers and caches keep their word, or say so here rather than deep in a network."""
    parts = [("training", source.images, source.labels)]
    if source.test_images is not None and source.test_labels is not None:
        parts.append(("test", source.test_images, source.test_labels))
    for part, images, labels in parts:
        if len(images) != len(labels):
            raise DataError(f"{name}: {len(images)} {part} images but {len(labels)} labels")
        if images.shape[-3:] != shape:
            raise DataError(
                f"{name}: {part} images must be {shape} (channels, height, width), found {images.shape[-3:]}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise DataError(
                f"{name}: {part} labels must be 0 to {classes - 1}, found {labels.min()} to {labels.max()}"
            )


def to_device(split: Split, device: torch.device | str, *, budget: float | None = None) -> Split:
    """The split with its images on ``device``; on the CPU they stay where they are, shared with every other trial.

    Args:
        budget: bytes that the images may take there. A split that is larger stays where it is, and each of its batches is sent
            (to a GPU through pinned memory).
    """
    device = torch.device(device)
    labels = split.labels.to(device)
    if budget is not None and len(split) * split.stored[0].nbytes > budget:
        return replace(split, labels=labels, streamed_to=device)
    if device.type == split.stored.device.type == "cpu":
        return split
    return Split(split.images.to(device), labels, split.scale)


def batches(
    split: Split, batch_size: int, *, order: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields ``x`` float32 ``[B, C, H, W]`` (or ``[B, T, C, H, W]``) and ``y`` int64 ``[B]`` on the split's device.

    The last batch may be smaller; it is kept, in training too, so that every image counts once per epoch. ``order`` (int64, on
    any device) says which images come when; without it they come as they are.
    """
    source = split.stored.device
    rows = split.rows
    labels = split.labels
    if order is not None:
        labels = labels.index_select(0, order.to(labels.device))
        order = order.to(source)
        rows = order if rows is None else rows.index_select(0, order)
    for start in range(0, len(labels), batch_size):
        end = start + batch_size
        images = (
            split.stored[start:end]
            if rows is None
            else split.stored.index_select(0, rows[start:end])
        )
        if split.streamed_to is not None:
            pinned = images.pin_memory() if split.streamed_to.type == "cuda" else images
            images = pinned.to(split.streamed_to, non_blocking=True)
        yield images.to(torch.float32).mul_(split.scale), labels[start:end]


def shuffled(n: int, *, seed: int, epoch: int, device: torch.device | str) -> Tensor:
    """A permutation of 0 .. n-1, int64 ``[n]``: a function of (seed, epoch) alone, the same for every device."""
    return torch.randperm(n, generator=generator(seed, "order", epoch)).to(
        device, non_blocking=True
    )

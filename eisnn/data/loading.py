"""Datasets as tensors: read once, split by seed, served in whole batches from where they live.

Images stay as they are stored (``uint8``, or ``float32`` of a dataset of the user's) until a batch
is made of them: a batch is one gather and one multiplication, there are no worker processes, and
nothing waits for the device. Pixels are in [0, 1] (event data: counts, which may exceed 1) and no
mean is ever subtracted: E-I circuits need inputs >= 0.

Sizes. ``train_size`` images are taken from the official training set (default: all of it), and
``validation_fraction`` of them are for validation. Where there is no official test set (digits:
20 %, CIFAR10-DVS: 10 % are held out), both fractions are of all images: digits are split 70/10/20,
CIFAR10-DVS 80/10/10. Everything is stratified by class and a function of ``split_seed`` alone.
DVS-Gesture is validated on people who are not trained on.
"""

from __future__ import annotations

import functools
import importlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eisnn.config.datasets import DATASETS, Published
from eisnn.config.trial import DataConfig
from eisnn.config.user_code import is_reference
from eisnn.data import splits
from eisnn.data.files import data_root
from eisnn.data.own import own_source
from eisnn.data.source import Source
from eisnn.errors import DataError
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
        return self.stored if self.rows is None else self.stored.index_select(0, self.rows)

    @property
    def device(self) -> torch.device:
        """Where batches come out."""
        return self.streamed_to or self.stored.device


@dataclass(frozen=True, eq=False)
class Dataset:
    """The three splits.

    ``classes``: where targets are not classes, how many numbers a target is.
    """

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
    """The dataset on the CPU; ``T`` is the number of frames of event data, images have none.

    Raises:
        DataError: it is missing, truncated or corrupt, or the sizes asked for cannot be met.
    """
    source, classes = _source(data, T)
    train, validation, test = _parts(data, source)
    train_set = _as_tensor(source.images)
    test_set = train_set if source.test_images is None else _as_tensor(source.test_images)
    test_labels = source.labels if source.test_labels is None else source.test_labels

    def split(stored: Tensor, labels: np.ndarray, rows: np.ndarray) -> Split:
        everything = len(rows) == len(stored)
        chosen = None if everything else torch.from_numpy(rows)
        return Split(stored, torch.from_numpy(labels[rows]), source.scale, chosen)

    dataset = Dataset(
        name=data.name,
        train=split(train_set, source.labels, train),
        validation=split(train_set, source.labels, validation),
        test=split(test_set, test_labels, test),
        classes=classes,
    )
    _check_classes(dataset)
    return dataset


def _as_tensor(images: np.ndarray) -> Tensor:
    """Shares the array's memory, also of a file that is mapped for reading only: we never write."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(images)


def _check_classes(dataset: Dataset) -> None:
    """Refuses a split that lacks a class: accuracies on it would speak of another task."""
    parts = {"training": dataset.train, "validation": dataset.validation, "test": dataset.test}
    for part, split in parts.items():
        if split.labels.is_floating_point():
            continue
        counts = torch.bincount(split.labels, minlength=dataset.classes)
        absent = (counts == 0).nonzero().flatten().tolist()
        if absent:
            raise DataError(
                f"{dataset.name}: no {part} image is of class {absent[0]} (classes are 0 to "
                f"{dataset.classes - 1}, {len(absent)} of them are missing); use more images, or "
                "number the classes without gaps"
            )


def _source(data: DataConfig, T: int) -> tuple[Source, int]:
    """The images as published, and how many classes they are of."""
    if is_reference(data.name):
        source = own_source(data.name, data_root(data.root), T)
        return source, source.outputs
    published = DATASETS[data.name]
    source = _reader(published)(data_root(data.root), T)
    _check(data.name, source, published)
    return source, published.classes


def _reader(published: Published) -> Callable[[Path, int], Source]:
    module, _, function = published.reader.partition(":")
    found: Callable[[Path, int], Source] = getattr(
        importlib.import_module(f"eisnn.data.readers.{module}"), function
    )
    return found


def shape_of(data: DataConfig, *, T: int) -> tuple[tuple[int, ...], tuple[int, int, int], int]:
    """((T,) of event data, () of images; (C, H, W); classes).

    Reads no files, but for a dataset of the user's.
    """
    if not is_reference(data.name):
        published = DATASETS[data.name]
        return (T,) if published.events else (), published.shape, published.classes
    source, classes = _source(data, T)
    channels, height, width = source.images.shape[-3:]
    return source.images.shape[1:-3], (channels, height, width), classes


@functools.lru_cache(maxsize=1)
def load_once(data: DataConfig, root: Path, *, T: int) -> Dataset:
    """`load`, for the trials that a worker trains one after another: read and split once.

    ``root`` is `data_root`'s answer, which the environment may change.
    """
    return load(data, T=T)


def _parts(data: DataConfig, source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the training, validation and test split.

    The test rows count in ``source.test_images`` where there are such.
    """
    seed, images = data.split_seed, f"training images of {data.name}"
    classes = splits.strata(source.labels)
    pool, whole = np.arange(len(classes)), len(classes)
    if data.split == "authors":
        pool, test = splits.first_and_last(classes, source.test_fraction)
        test_classes = classes[test]
    elif source.test_labels is None:
        count = round(source.test_fraction * whole)
        of = f"images of {data.name}"
        pool, test = splits.divide(classes, count, seed=seed, key="the test set", of=of)
        test_classes = classes[test]
    else:
        test_classes = splits.strata(source.test_labels)
        test = np.arange(len(test_classes))
    if data.test_size is not None:
        of = f"test images of {data.name}"
        chosen = splits.choose(test_classes, data.test_size, seed=seed, key="data.test_size", of=of)
        test = test[chosen]
    if data.train_size is not None:
        chosen = splits.choose(
            classes[pool], data.train_size, seed=seed, key="data.train_size", of=images
        )
        pool, whole = pool[chosen], data.train_size
    key = f"data.validation_fraction ({data.validation_fraction:g})"
    if source.users is not None:
        train, held = splits.divide_users(
            source.users[pool], data.validation_fraction, seed=seed, key=key, of=images
        )
    else:
        count = round(data.validation_fraction * whole)
        train, held = splits.divide(classes[pool], count, seed=seed, key=key, of=images)
    return pool[train], pool[held], test


def _check(name: str, source: Source, published: Published) -> None:
    """Readers and caches keep their word, or say so here rather than deep in a network."""
    parts = [("training", source.images, source.labels)]
    if source.test_images is not None and source.test_labels is not None:
        parts.append(("test", source.test_images, source.test_labels))
    classes = published.classes
    for part, images, labels in parts:
        if len(images) != len(labels):
            raise DataError(f"{name}: {len(images)} {part} images but {len(labels)} labels")
        if images.shape[-3:] != published.shape:
            raise DataError(
                f"{name}: {part} images must be {published.shape} (channels, height, width), "
                f"found {images.shape[-3:]}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise DataError(
                f"{name}: {part} labels must be 0 to {classes - 1}, "
                f"found {labels.min()} to {labels.max()}"
            )


def to_device(split: Split, device: torch.device | str, *, budget: float | None = None) -> Split:
    """The split with its images on ``device``; on the CPU they stay where they are, shared.

    Args:
        budget: bytes that the images may take there. A split that is larger stays where it is, and
            each of its batches is sent (to a GPU through pinned memory).
    """
    device = torch.device(device)
    labels = split.labels.to(device)
    if budget is not None and len(split) * split.stored[0].nbytes > budget:
        return replace(split, labels=labels, streamed_to=device)
    if device.type == split.stored.device.type == "cpu":
        return split
    return Split(split.images.to(device), labels, split.scale)


def batch_count(images: int, batch_size: int) -> int:
    """How many training batches an epoch has.

    The last batch may be smaller. Where it would be a single image, on which no batch can be
    normalised, that image joins the batch before: for every network, so that all see the same
    batches, and every image counts once per epoch.
    """
    count = math.ceil(images / batch_size)
    alone = batch_size > 1 and images % batch_size == 1
    return max(1, count - 1) if alone else count


def batches(
    split: Split, batch_size: int, *, order: Tensor | None = None, training: bool = False
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields ``x`` float32 ``[B, C, H, W]`` (or ``[B, T, C, H, W]``) and ``y`` ``[B]``.

    Both are on the split's device. ``order`` (int64, on any device) says which images come when;
    without it they come as they are. In ``training`` there are `batch_count` batches; else the
    last may hold a single image.
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
        images = (
            split.stored[start:end]
            if rows is None
            else split.stored.index_select(0, rows[start:end])
        )
        if split.streamed_to is not None:
            pinned = images.pin_memory() if split.streamed_to.type == "cuda" else images
            images = pinned.to(split.streamed_to, non_blocking=True)
        x = images.to(torch.float32)
        # float images may be a view of what is stored, which is not ours to change
        x = x * split.scale if x is images else x.mul_(split.scale)
        yield x, labels[start:end]


def shuffled(n: int, *, seed: int, epoch: int, device: torch.device | str) -> Tensor:
    """A permutation of 0 .. n-1, int64 ``[n]``: a function of (seed, epoch) on every device."""
    return torch.randperm(n, generator=generator(seed, "order", epoch)).to(
        device, non_blocking=True
    )

"""Datasets as tensors: read once, and split by seed; `eisnn.data.batches` serves them.

``train_size`` images are taken from the official training set (default: all of it), and
``validation_fraction`` of them are for validation. Where there is no official test set, one is held
out (20 % of digits, 10 % of CIFAR10-DVS), and both fractions are of all images: digits are split
70/10/20, CIFAR10-DVS 80/10/10. Every split is stratified by class and depends on ``split_seed``
alone. DVS-Gesture is validated on people who are not trained on.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eisnn.config.datasets import DATASETS, Published
from eisnn.config.sections.data import DataConfig
from eisnn.config.user_code import is_reference
from eisnn.data import splits
from eisnn.data.batches import Split
from eisnn.data.files import data_root
from eisnn.data.own import own_source
from eisnn.data.source import Source
from eisnn.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """The three splits.

    ``classes`` is the number of classes, or of numbers in a target that is not a class.
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
    """Loads a dataset to the CPU; ``T`` is the number of frames of event data.

    Raises:
        DataError: it is missing, truncated or corrupt, or has too few images for the sizes asked.
    """
    source, classes = _source(data, T)
    train, validation, test = _parts(data, source)
    train_set = test_set = _as_tensor(source.images)
    test_labels = source.labels
    if source.test_images is not None and source.test_labels is not None:
        test_set, test_labels = _as_tensor(source.test_images), source.test_labels

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
    """Returns a tensor that shares the array's memory, even of a file mapped for reading only: we
    never write to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(images)


def _check_classes(dataset: Dataset) -> None:
    """Refuses a split that lacks a class, on which accuracies would be those of another task."""
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
    """Returns the images as published, and the number of their classes."""
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
    """Returns the frames, (T,) for event data and () for images, then (C, H, W), then the number of
    classes.

    Reads no files, except for a dataset of the user's.
    """
    if not is_reference(data.name):
        published = DATASETS[data.name]
        frames = (T,) if published.events else ()
        return frames, published.shape, published.classes
    source, classes = _source(data, T)
    channels, height, width = source.images.shape[-3:]
    return source.images.shape[1:-3], (channels, height, width), classes


@functools.lru_cache(maxsize=1)
def load_once(data: DataConfig, root: Path, *, T: int) -> Dataset:
    """Loads a dataset once for all the trials that a worker trains one after another.

    ``root`` is what `data_root` returns, which the environment may change.
    """
    return load(data, T=T)


def _parts(data: DataConfig, source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the rows of the training, validation and test split.

    The test rows index ``source.test_images`` if there are any.
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
    """Refuses images or labels that are not as published, before they fail deep in a network."""
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

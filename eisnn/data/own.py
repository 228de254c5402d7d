"""Datasets of the user's own, as `eisnn.data.loading` asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eisnn.config.user_code import UserCodeError, blame, find
from eisnn.data.source import Source


def own_source(reference: str, root: Path, T: int) -> Source:
    """The dataset that ``data.name`` names: called with the data root and the number of time steps.

    Raises:
        UserCodeError: it is not there, raises, or returns something that is not a `Source` of uint8 images and their labels.
    """
    load = find(reference, "data.name")
    with blame(f"data.name: {reference}:"):
        source = load(root, T)
    problem = "must return an eisnn.Source, given " + type(source).__name__
    if isinstance(source, Source):
        problem = next(_wrong(source), "")
    if problem:
        raise UserCodeError(f"data.name: {reference}: {problem}")
    return source


def _wrong(source: Source) -> Iterator[str]:
    """What is wrong with a user's dataset."""
    for name, images, labels in (
        ("", source.images, source.labels),
        ("test_", source.test_images, source.test_labels),
    ):
        if name and images is None and labels is None:
            if not 0 < source.test_fraction < 1:
                yield "give test_images and test_labels, or a test_fraction between 0 and 1"
            continue
        if (
            not isinstance(images, np.ndarray)
            or images.dtype != np.uint8
            or images.ndim not in (4, 5)
        ):
            given = (
                f"{images.dtype} {list(images.shape)}"
                if isinstance(images, np.ndarray)
                else type(images).__name__
            )
            yield f"{name}images must be a uint8 array [N, C, H, W], or of events [N, T, C, H, W], given {given}"
        elif (
            not isinstance(labels, np.ndarray)
            or labels.dtype != np.int64
            or labels.shape != (len(images),)
            or labels.min() < 0
        ):
            given = (
                f"{labels.dtype} {list(labels.shape)}"
                if isinstance(labels, np.ndarray)
                else type(labels).__name__
            )
            yield f"{name}labels must be an int64 array [{len(images)}] of classes from 0 on, given {given}"
        elif name and images.shape[1:] != source.images.shape[1:]:
            yield f"test_images must have the shape of images, {list(source.images.shape[1:])}, given {list(images.shape[1:])}"

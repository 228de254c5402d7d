"""Datasets of the user's own, as `eisnn.data.loading` asks for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eisnn.config.user_code import UserCodeError, blame, find
from eisnn.data.source import Source


def own_source(reference: str, root: Path, T: int) -> Source:
    """Calls what ``data.name`` names with the data root and the number of time steps.

    Samples that are vectors [N, F] or sequences of them [N, T, F] become images of one pixel.

    Raises:
        UserCodeError: it does not exist, raises an error, or does not return a valid `Source`.
    """
    load = find(reference, "data.name")
    with blame(f"data.name: {reference}:"):
        source = load(root, T)
    if not isinstance(source, Source):
        given = type(source).__name__
        raise UserCodeError(f"data.name: {reference}: must return an eisnn.Source, given {given}")
    problem = _what_is_wrong(source)
    if problem is not None:
        raise UserCodeError(f"data.name: {reference}: {problem}")
    return replace(
        source, images=_as_images(source.images), test_images=_as_images(source.test_images)
    )


def _as_images(samples: Any) -> Any:
    if samples is None or samples.ndim > 3:
        return samples
    return samples.reshape(*samples.shape, 1, 1)


def _what_is_wrong(source: Source) -> str | None:
    problem = _part_problem("", source.images, source.labels)
    if problem is not None:
        return problem
    if source.test_images is None and source.test_labels is None:
        if not 0 < source.test_fraction < 1:
            return "give test_images and test_labels, or a test_fraction between 0 and 1"
        return None
    problem = _part_problem("test_", source.test_images, source.test_labels)
    if problem is not None:
        return problem
    assert source.test_images is not None
    assert source.test_labels is not None
    wanted, given = list(source.images.shape[1:]), list(source.test_images.shape[1:])
    if wanted != given:
        return f"test_images must have the shape of images, {wanted}, given {given}"
    if source.labels.dtype != source.test_labels.dtype:
        return f"test_labels must be {source.labels.dtype}, as labels are"
    return None


def _part_problem(prefix: str, images: Any, labels: Any) -> str | None:
    """Returns what is wrong with the images or labels of one part; None if nothing is."""
    if not isinstance(images, np.ndarray) or images.ndim not in (2, 3, 4, 5):
        wrong = True
    else:
        wrong = images.dtype not in (np.uint8, np.float32)
    if wrong:
        return (
            f"{prefix}images must be a uint8 array [N, C, H, W], or of events [N, T, C, H, W], "
            f"given {_described(images)}; float32 will do, and so will vectors [N, F] and "
            "sequences of them [N, T, F]"
        )
    if not _are_labels(labels, len(images)):
        return (
            f"{prefix}labels must be an int64 array [{len(images)}] of classes from 0 on, "
            f"given {_described(labels)}; or finite float32 [N] or [N, k] where targets are "
            "not classes"
        )
    return None


def _are_labels(labels: Any, count: int) -> bool:
    if not isinstance(labels, np.ndarray) or labels.shape[:1] != (count,):
        return False
    if labels.dtype == np.int64:
        return labels.ndim == 1 and bool(labels.min() >= 0)
    return labels.dtype == np.float32 and labels.ndim in (1, 2) and bool(np.isfinite(labels).all())


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    return type(value).__name__

"""A dataset as published, before it is split: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eisnn.data.cache import Arrays


@dataclass(frozen=True)
class Source:
    """A dataset as published.

    Attributes:
        images: uint8 or float32 [N, C, H, W], or [N, T, C, H, W] for event data; may be
            memory-mapped.
        labels: int64 [N], classes from 0 on; or float32 [N] or [N, k] if targets are not classes.
        scale: the network sees images x ``scale``.
        test_images, test_labels: the official test set, or None.
        test_fraction: fraction of all images to hold out if there is no official test set.
        users: int64 [N], who was recorded; or None.
    """

    images: np.ndarray
    labels: np.ndarray
    scale: float = 1.0
    test_images: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    test_fraction: float = 0.0
    users: np.ndarray | None = None

    @property
    def outputs(self) -> int:
        """How many outputs a network needs: one for each class, or for each number of a target."""
        if self.labels.dtype.kind == "f":
            return int(np.prod(self.labels.shape[1:], dtype=np.int64))
        labels = self.labels
        if self.test_labels is not None:
            labels = np.concatenate([labels, self.test_labels])
        return int(labels.max()) + 1


def source_from(arrays: Arrays, scale: float = 1 / 255, test_fraction: float = 0.0) -> Source:
    """Returns the source in a cache's arrays: images stay mapped, labels are read."""
    return Source(
        arrays["images"],
        np.array(arrays["labels"], dtype=np.int64),
        scale,
        arrays.get("test_images"),
        _labels(arrays, "test_labels"),
        test_fraction,
        _labels(arrays, "users"),
    )


def _labels(arrays: Arrays, name: str) -> np.ndarray | None:
    if name not in arrays:
        return None
    return np.array(arrays[name], dtype=np.int64)

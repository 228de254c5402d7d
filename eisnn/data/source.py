"""A dataset as published, before it is split: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eisnn.data.cache import Arrays


@dataclass(frozen=True)
class Source:
    """A dataset as published.

    ``images`` are uint8 or float32: [N, C, H, W], or [N, T, C, H, W] of event data, and may be
    memory-mapped. ``labels`` are int64 [N], classes from 0 on; or, where targets are not classes,
    float32 [N] or [N, k]. The network sees images x ``scale``. Where there are no ``test_images``,
    ``test_fraction`` of all images are to be held out. ``users`` (int64 [N]) says who was recorded.
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
        labels = [self.labels] if self.test_labels is None else [self.labels, self.test_labels]
        return int(np.concatenate(labels).max()) + 1


def source_from(arrays: Arrays, scale: float = 1 / 255, test_fraction: float = 0.0) -> Source:
    """The source in a cache's arrays: images stay mapped, labels are read."""
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
    return np.array(arrays[name], dtype=np.int64) if name in arrays else None

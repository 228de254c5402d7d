"""A dataset as published, before it is split: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eisnn.data.cache import Arrays


@dataclass(frozen=True)
class Source:
    """A dataset as published. Where there is no official test set, ``test_fraction`` of all images are to be held out."""

    images: np.ndarray  # uint8 [N, C, H, W], event data [N, T, C, H, W]
    labels: np.ndarray  # int64 [N]
    scale: float  # image value = uint8 * scale
    test_images: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    test_fraction: float = 0.0
    users: np.ndarray | None = None  # int64 [N], who was recorded


def source_from(arrays: Arrays, scale: float = 1 / 255, test_fraction: float = 0.0) -> Source:
    """Images stay mapped, labels are read."""
    labels, test_labels, users = (
        np.array(arrays[name], dtype=np.int64) if name in arrays else None
        for name in ("labels", "test_labels", "users")
    )
    assert labels is not None
    return Source(
        arrays["images"],
        labels,
        scale,
        arrays.get("test_images"),
        test_labels,
        test_fraction,
        users,
    )

"""Digits: 1,797 handwritten digits of 8x8 pixels, shipped with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eisnn.data.source import Source


def digits(root: Path, T: int) -> Source:
    """Pixels have values 0 to 16; there is no official test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    return Source(images, bunch.target.astype(np.int64), scale=1 / 16, test_fraction=0.2)

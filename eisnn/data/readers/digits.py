"""Digits: 1,797 handwritten digits of 8x8 pixels, shipped with scikit-learn."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from eisnn.data.source import Source
from eisnn.errors import DataError


def digits(root: Path, T: int) -> Source:
    """Reads pixels with values 0 to 16; there is no official test set."""
    rows = np.loadtxt(_shipped(), delimiter=",", dtype=np.uint8)  # [1797, 64 pixels and a label]
    images = np.ascontiguousarray(rows[:, :-1]).reshape(-1, 1, 8, 8)
    return Source(images, rows[:, -1].astype(np.int64), scale=1 / 16, test_fraction=0.2)


def _shipped() -> Path:
    """Returns the file in scikit-learn's folder; importing the package would take over a second."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError("digits: come with scikit-learn, which is not installed")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"

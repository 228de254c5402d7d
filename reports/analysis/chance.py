"""Chance level: the metrics of a network that guesses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from eisnn.config.datasets import DATASETS


def chance_of(metric: str, classes: int | None) -> float | None:
    """Returns a guessing network's metric: 1 / classes for accuracy, log(classes) for loss."""
    if classes is None:
        return None
    if metric.endswith("/accuracy"):
        return 1 / classes
    return math.log(classes) if metric.endswith("/loss") else None


def classes_of(plan: Mapping[str, Any]) -> int | None:
    """Returns the plan's number of classes or, for old folders, that of its dataset."""
    known = DATASETS.get(plan.get("data", {}).get("name", ""))
    return plan.get("classes") or (known.classes if known else None)


def test_images_of(plan: Mapping[str, Any]) -> int | None:
    """Returns the plan's number of test images, or that of its dataset."""
    if plan.get("test_images"):
        return int(plan["test_images"])
    data = plan.get("data", {})
    known, size = DATASETS.get(data.get("name", "")), data.get("test_size")
    if known is None:
        return None
    return min(known.test_images, size) if size else known.test_images

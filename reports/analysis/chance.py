"""What a network that guesses gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# (classes, test images): old folders do not say how many their data have.
KNOWN = {
    "digits": (10, 359),
    "mnist": (10, 10_000),
    "fashion_mnist": (10, 10_000),
    "cifar10": (10, 10_000),
    "cifar100": (100, 10_000),
    "tiny_imagenet": (200, 10_000),
    "cifar10_dvs": (10, 1_000),
    "dvs_gesture": (11, 264),
}


def chance_of(metric: str, classes: int | None) -> float | None:
    """What a network that guesses gets: 1 / classes for accuracy, log(classes) for loss."""
    if classes is None:
        return None
    if metric.endswith("/accuracy"):
        return 1 / classes
    return math.log(classes) if metric.endswith("/loss") else None


def classes_of(plan: Mapping[str, Any]) -> int | None:
    """The plan's number of classes, or that of its dataset."""
    known, _ = KNOWN.get(plan.get("data", {}).get("name", ""), (None, None))
    return plan.get("classes") or known


def test_images_of(plan: Mapping[str, Any]) -> int | None:
    """The plan's number of test images, or that of its dataset."""
    if plan.get("test_images"):
        return int(plan["test_images"])
    data = plan.get("data", {})
    _, known = KNOWN.get(data.get("name", ""), (None, None))
    size = data.get("test_size")
    return min(known, size) if known and size else known

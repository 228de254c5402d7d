"""What a network that guesses gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Old folders do not say how many classes their data have.
CLASSES = {"digits": 10, "mnist": 10, "fashion_mnist": 10, "cifar10": 10, "cifar10dvs": 10,
           "cifar100": 100, "dvs_gesture": 11, "nmnist": 10}  # fmt: skip


def chance_of(metric: str, classes: int | None) -> float | None:
    """What a network that guesses gets: 1 / classes for accuracy, log(classes) for loss."""
    if classes is None:
        return None
    if metric.endswith("/accuracy"):
        return 1 / classes
    return math.log(classes) if metric.endswith("/loss") else None


def classes_of(plan: Mapping[str, Any]) -> int | None:
    known = plan.get("classes") or CLASSES.get(plan.get("data", {}).get("name", ""))
    return int(known) if known else None

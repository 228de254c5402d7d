"""Optuna's pruners, which decide whether to stop a trial early; one entry each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    SuccessiveHalvingPruner,
    WilcoxonPruner,
)

from study.spec.search import Pruner, Search


def _asha(pruner: Pruner, epochs: int) -> BasePruner:
    return SuccessiveHalvingPruner(
        min_resource=pruner.grace_epochs, reduction_factor=pruner.reduction_factor
    )


def _hyperband(pruner: Pruner, epochs: int) -> BasePruner:
    return HyperbandPruner(
        min_resource=pruner.grace_epochs,
        max_resource=epochs,
        reduction_factor=pruner.reduction_factor,
    )


def _median(pruner: Pruner, epochs: int) -> BasePruner:
    return MedianPruner(n_startup_trials=pruner.startup_trials, n_warmup_steps=pruner.grace_epochs)


def _wilcoxon(pruner: Pruner, epochs: int) -> BasePruner:
    with warnings.catch_warnings(action="ignore"):  # Optuna calls it experimental
        return WilcoxonPruner(p_threshold=pruner.p_threshold)


PRUNERS: dict[str, Callable[[Pruner, int], BasePruner]] = {
    "asha": _asha,
    "hyperband": _hyperband,
    "median": _median,
    "wilcoxon": _wilcoxon,
}


def make_pruner(search: Search, epochs: int) -> BasePruner | None:
    """Returns the search's pruner, for trials of ``epochs`` epochs; None if it has none."""
    make = PRUNERS.get(search.pruner.type)
    return make(search.pruner, epochs) if make else None


class Deferred:
    """The storage for a pruner, which holds back its writes until its decision is recorded."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.writes: list[tuple[int, str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    def set_trial_system_attr(self, trial: int, key: str, value: Any) -> None:
        self.writes.append((trial, key, value))

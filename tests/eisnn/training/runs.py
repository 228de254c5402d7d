"""Runs of a few seconds on digits, and what two equal ones have in common."""

from __future__ import annotations

from eisnn.config.trial import TrialConfig, make_config


def tiny(norm: str = "ei", **train: object) -> TrialConfig:
    """A 4-layer MLP of 50-50-30 cells on 300 digits."""
    options = {"epochs": 3, "batch_size": 30, "learning_rate": 0.02, **train}
    model = {"arch": "MLP", "layers": 4, "width": 0.1, "norm": norm}
    return make_config(
        {"model": model, "data": {"name": "digits", "train_size": 300}, "train": options, "seed": 3}
    )


def two_epochs(norm: str = "ei", **train: object) -> TrialConfig:
    """The same net with two time steps. Of the 300 digits 30 validate: an epoch has six batches of
    40 and one of 30."""
    return make_config(
        {
            "model": {"arch": "MLP", "layers": 4, "width": 0.1, "T": 2, "norm": norm},
            "data": {"name": "digits", "train_size": 300},
            "train": {"epochs": 2, "batch_size": 40, "learning_rate": 0.02, **train},
        }
    )


def comparable(metrics: dict[str, float]) -> dict[str, float]:
    """Without what may differ between two equal runs: time and memory."""
    return {
        key: value
        for key, value in metrics.items()
        if "second" not in key and key != "peak_memory_mb"
    }

"""An order to train a small MLP on digits, for workers without a driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eisnn.config.trial import make_config, resolved, trial_id
from study import store


def order_of(folder: Path, epochs: int = 3, *, test: bool = True, **changes: Any) -> store.Order:
    """The trial's folder lies in ``folder`` and is named by the trial's id."""
    config = make_config(
        {
            "model": {"arch": "MLP", "layers": 2, "norm": "ei", "T": 2, "width": 0.05},
            "data": {
                "name": "digits",
                "train_size": 200,
                "test_size": 100,
                "validation_fraction": 0.2,
            },
            "train": {"epochs": epochs, "batch_size": 64, "learning_rate": 0.01},
            **changes,
        }
    )
    identity = trial_id(config)
    folder.mkdir(exist_ok=True)
    return store.Order(identity, resolved(config), folder=str(folder / identity), test=test)

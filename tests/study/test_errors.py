"""What of the world's state ends a run, in the words of those who say it."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from study.errors import full
from study.search.storage import open_storage
from tests.tiny import fill


def test_a_full_disk_is_known_in_optunas_words(small: Path) -> None:
    storage, _ = open_storage(small)
    study = optuna.create_study(storage=storage, study_name="full")
    fill(small, 0)
    with pytest.raises(optuna.exceptions.StorageInternalError) as raised:
        study.optimize(
            lambda trial: trial.suggest_float("x", 0, 1), n_trials=2000
        )  # until the database's free pages are used up
    assert str(full(raised.value)).startswith("the disk is full (")
    assert full(ValueError("else")) is None

"""What a run keeps: its checkpoints, and its best epoch."""

from __future__ import annotations

from itertools import pairwise

import pytest

from eisnn.errors import CheckpointError
from eisnn.training.fit import fit
from eisnn.training.run import best_epoch
from tests.eisnn.training.runs import tiny


def test_checkpoints_are_written_by_time_and_at_every_end(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 4))  # four seconds an epoch
    monkeypatch.setattr("eisnn.training.run.time.monotonic", lambda: next(clock))
    saved: list[int] = []
    monkeypatch.setattr("eisnn.training.run.Run.save", lambda run, path: saved.append(run.epoch))
    fit(tiny(epochs=8), checkpoint_to=tmp_path / "checkpoint.pt")
    assert saved[0] == 1
    assert saved[-1] == 8
    assert len(saved) < 8
    assert max(later - earlier for earlier, later in pairwise(saved)) <= 3


def test_a_checkpoint_of_another_config_is_refused(tmp_path):
    fit(tiny(epochs=1), checkpoint_to=tmp_path / "checkpoint.pt")
    with pytest.raises(
        CheckpointError,
        match=r"belongs to another config .*: train\.epochs \(1, not 2\); the schedule",
    ):
        fit(tiny(epochs=2), resume_from=tmp_path / "checkpoint.pt")


def test_the_best_epoch_is_the_first_of_equals():
    assert best_epoch([{"val/accuracy": a} for a in (0.1, 0.5, 0.5, 0.4)]) == 2

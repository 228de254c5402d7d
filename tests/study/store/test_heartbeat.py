"""A sign of life in a file, by the clock of its file system."""

from __future__ import annotations

import os
import time
from pathlib import Path

from study.store.heartbeat import Heartbeat, age, is_alive


def test_the_age_is_the_file_systems(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    file.touch()
    assert age(file) < 5.0
    os.utime(file, (time.time() - 100, time.time() - 100))
    assert 95 < age(file) < 110
    assert [path.name for path in tmp_path.iterdir()] == ["owner.json"]


def test_a_file_that_is_touched_lives_until_its_heart_stops(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    file.touch()
    beats = Heartbeat(file, seconds=0.02)
    assert is_alive(file, silence=10.0, step=0.01)
    beats.stop()
    assert not is_alive(file, silence=0.1, step=0.01)

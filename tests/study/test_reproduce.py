"""What is said where a trial that is trained again may differ."""

from __future__ import annotations

from pathlib import Path

from study import reproduce, store
from study.store.records import Outcome, State
from study.worker import environment


def test_other_kernels_and_instructions_are_named(tmp_path: Path) -> None:
    trained = Outcome("0" * 12, State.COMPLETED, environment=environment.record(tmp_path))
    assert reproduce._surroundings(tmp_path, trained) == []
    record = store.read_json(tmp_path / "environment.json")
    assert record is not None
    changed = {**record, "kernels": "off", "instructions": "none"}
    del changed["python"]  # as an earlier version would have it
    store.write_json(tmp_path / "environment.json", changed)
    assert reproduce._surroundings(tmp_path, trained) == [
        "note: kernels differs from when it was trained",
        "note: instructions differs from when it was trained",
    ]

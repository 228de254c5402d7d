"""What is said where a trial that is trained again may differ."""

from __future__ import annotations

from pathlib import Path

from eisnn.surroundings import record_surroundings
from study import reproduce, store
from study.spec.models import Resources
from study.store.records import Outcome, State


def test_other_kernels_and_instructions_are_named(tmp_path: Path) -> None:
    trained = Outcome("0" * 12, State.COMPLETED, environment=record_surroundings(tmp_path))
    assert reproduce._surroundings(tmp_path, trained, trained) == []
    record = store.read_json(tmp_path / "environment.json")
    assert record is not None
    changed = {**record, "kernels": "off", "instructions": "none"}
    del changed["python"]  # as an earlier version would have it
    store.write_json(tmp_path / "environment.json", changed)
    assert reproduce._surroundings(tmp_path, trained, trained) == [
        "note: kernels differs from when it was trained",
        "note: instructions differs from when it was trained",
    ]


def test_another_path_of_the_layers_is_named(tmp_path: Path) -> None:
    trained = Outcome("0" * 12, State.COMPLETED, path="C++ kernels")
    again = Outcome("0" * 12, State.COMPLETED, path="plain: EISNN_KERNELS=off")
    assert reproduce._surroundings(tmp_path, trained, again) == [
        "note: the layers took another path: 'C++ kernels', now 'plain: EISNN_KERNELS=off'"
    ]


def test_a_trial_is_trained_again_with_as_many_threads_as_it_had() -> None:
    """The sums of several threads round otherwise, and the study file may ask for more now."""
    asked = Resources(cpu=4, gpu=0)
    assert reproduce._portion(asked, Outcome("0" * 12, State.COMPLETED, threads=2)).cpu == 2
    assert reproduce._portion(asked, Outcome("0" * 12, State.COMPLETED)).cpu == 4  # not recorded

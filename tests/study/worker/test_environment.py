"""What a study ran on, and which code trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eisnn.surroundings import code_key, describe, freeze, record_surroundings
from study import store
from study.worker import environment, trial


def test_a_worker_with_other_code_refuses_and_is_asked_again(
    world: Any, study_tree: dict[str, Any], fit: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("eisnn.fit", fit)
    played = world(study_tree)
    agenda = played.open()
    order = agenda.order(agenda.next())
    state = trial.run(replace(order, code="00000000"), lambda row: None)
    assert (state.state, state.cause, state.again) == ("failed", "system", True)
    assert (
        f"has other code ({code_key()}) than the machine of the command (00000000)" in state.reason
    )
    assert trial.run(replace(order, code=code_key()), lambda row: None).state == "completed"


def test_earlier_surroundings_stay_beside_the_present_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials keep the key of what they were trained on, also after an update of the machine."""
    here = record_surroundings(tmp_path)
    assert record_surroundings(tmp_path) == here
    record = store.read_json(tmp_path / "environment.json")
    assert record is not None
    assert record["earlier"] == {}

    monkeypatch.setattr("platform.node", lambda: "another-machine")
    there = record_surroundings(tmp_path)
    assert there != here
    before, now = (environment.recorded(tmp_path, key) for key in (here, there))
    assert before is not None
    assert now is not None
    assert (before["host"], now["host"]) == (record["host"], "another-machine")
    assert environment.recorded(tmp_path, "00000000") is None


def test_surroundings_name_the_packages_that_train() -> None:
    packages = describe()["packages"]
    assert {"torch", "numpy", "ray", "optuna"} <= set(packages)
    assert f"torch=={packages['torch']}" in freeze()


def test_workers_of_the_same_code_are_let_in() -> None:
    environment.check_code(None)
    environment.check_code(code_key())
    with pytest.raises(OSError, match="update it, or share the folder"):
        environment.check_code("00000000")

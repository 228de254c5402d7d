"""A trial's folder: honest states, whole histories, and damage that is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study import store
from tests.study.store.an_epoch import ROW


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = store.trial_folder(tmp_path, "0123456789ab")
    path.mkdir(parents=True)
    return path


def state(**changes: Any) -> store.Outcome:
    return store.Outcome.from_json(record(**changes))


def record(**changes: Any) -> dict[str, Any]:
    base = {
        "id": "0123456789ab",
        "state": "completed",
        "reason": None,
        "test": False,
        "epochs": 1,
        "metrics": {"val/accuracy": 0.25},
    }
    return {
        **base,
        "seed": 0,
        "started": None,
        "finished": None,
        "retries": 0,
        "roles": [],
        **changes,
    }


def test_search_trials_carry_no_test_metric(folder: Path) -> None:
    with pytest.raises(ValueError, match="is a search trial: it must not carry test/accuracy"):
        store.write_state(folder, state(metrics={"test/accuracy": 0.5}))
    with pytest.raises(ValueError, match="must be one of"):
        store.write_state(folder, state(state="fine"))


def test_history_keeps_every_digit(folder: Path) -> None:
    store.write_history(folder, [ROW, {**ROW, "epoch": 2, "val/loss": None}])
    rows = store.read_history(folder)
    assert rows is not None
    assert rows[0] == ROW
    assert "val/loss" not in rows[1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", b""),
        ("state.json", b"\0" * 100),
        ("state.json", b'{"id": "0123456789ab", "state": "comp'),
        ("state.json", json.dumps(record(id="ba9876543210")).encode()),
        ("state.json", json.dumps(record(metrics={"val/accuracy": "high"})).encode()),
        ("state.json", b"[" * 100_000),
        ("history.csv", b""),
        ("history.csv", b"\0" * 100),
        ("history.csv", b"a,b\n1,2\n"),
        (
            "history.csv",
            b"epoch,train/loss,train/accuracy,val/loss,val/accuracy,learning_rate,firing_rate,seconds\n1,0.5,0.",
        ),
        (
            "history.csv",
            b"epoch,train/loss,train/accuracy,val/loss,val/accuracy,learning_rate,firing_rate,seconds\n2,1,1,1,1,1,1,1\n",
        ),
    ],
)
def test_damage_is_noticed_and_set_aside(folder: Path, name: str, content: bytes) -> None:
    store.write_state(folder, state())
    store.write_history(folder, [ROW])
    assert store.finished_state(folder, tested=False) is not None
    (folder / name).write_bytes(content)
    assert store.finished_state(folder, tested=False) is None
    assert [path.name for path in store.set_damaged_aside(folder)] == [f"{name}.damaged-1"]
    assert (folder / f"{name}.damaged-1").read_bytes() == content


def test_what_counts_as_an_end(folder: Path) -> None:
    store.write_history(folder, [ROW])
    for changes, ended in [
        ({"state": "running"}, False),
        ({"state": "failed", "again": True}, False),
        ({"epochs": 2}, False),
        ({}, True),
    ]:
        store.write_state(folder, state(**changes))
        assert (store.finished_state(folder, tested=False) is not None) is ended
    assert (
        store.finished_state(folder, tested=True) is None
    )  # a replicate needs its test metrics too

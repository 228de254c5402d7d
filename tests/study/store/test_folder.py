"""The study's folder: whole files, honest states, locks, and damage that is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study import store
from study.store.tables import Tables, row_of

ROW = {"epoch": 1, "train/loss": 0.1 + 0.2, "train/accuracy": 0.5, "val/loss": 1.5, "val/accuracy": 0.25, "learning_rate": 0.1,
       "firing_rate": 0.2, "seconds": 0.5}  # fmt: skip


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


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    store.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        store.write_json(path, {"a": float("nan")})
    assert store.read_json(path) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


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


def test_a_second_run_is_refused_with_the_owners_name(tmp_path: Path) -> None:
    lock = store.lock_study(tmp_path)
    code = f"from study import store; from pathlib import Path; store.lock_study(Path({str(tmp_path)!r}))"
    second = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    owner = store.read_json(tmp_path / "owner.json")
    assert owner is not None
    assert "another run of this study is going on: " in second.stderr
    assert (
        f"{owner['user']} on {owner['host']} (process {owner['pid']}), since {owner['since']}"
        in second.stderr
    )
    lock.release()
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_old_folders_are_moved_not_deleted(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "study").mkdir()
        assert store.move_aside(tmp_path / "study").name == f"study.old-{number}"


def test_tables_are_tidy(tmp_path: Path) -> None:
    tables = Tables(tmp_path, ["full", "bn"], ["circuit.init.gain"])
    bn = store.Role("bn", store.Kind.SEARCH, 0)
    full = store.Role("full", store.Kind.SEARCH, 0, parameters={"circuit.init.gain": 0.1})
    metrics = {"val/accuracy": 0.5, "test/accuracy": 0.5}
    tables.put(bn.key, row_of(bn, state(metrics=metrics)))
    tables.put(full.key, row_of(full, state(id="a" * 12)))
    assert tables.add_epoch("a" * 12, ROW) is True
    assert tables.add_epoch("a" * 12, ROW) is False
    tables.write(now=True)
    frame, epochs = store.trials_frame(tmp_path), store.epochs_frame(tmp_path)
    assert list(frame["arm"]) == ["full", "bn"]
    assert frame["test/accuracy"].isna().all()
    assert frame["circuit.init.gain"].tolist()[0] == 0.1
    assert epochs.loc[0, "train/loss"] == ROW["train/loss"]


def test_frames_of_a_study_that_has_just_begun(tmp_path: Path) -> None:
    assert list(store.trials_frame(tmp_path).columns) == list(store.TRIAL_COLUMNS)
    assert len(store.epochs_frame(tmp_path)) == 0
    with pytest.raises(store.StoreError, match=r"holds no readable plan\.json"):
        store.load_plan(tmp_path)

"""Locks that are none: file systems that refuse them, and ones that keep them to one machine."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from study import store
from study.store import locks
from study.store.heartbeat import Heartbeat, is_alive

FAR = {"user": "ada", "host": "another-machine", "pid": 7, "since": "2026-11-28T01:00:00+00:00"}


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO, errno.ENOSYS])
def test_a_file_system_without_locks_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for take in (store.lock_study, lambda folder: store.lock_trial(folder, 1.0)):
        with pytest.raises(store.StoreError, match=r"\.lock: this file system has no locks") as no:
            take(tmp_path)
        assert "give another --results" in str(no.value)
        assert not list(tmp_path.iterdir())


def test_a_run_on_another_machine_that_lives_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = tmp_path / "owner.json"
    owner.write_text(json.dumps(FAR))
    monkeypatch.setattr(locks, "is_alive", lambda path: is_alive(path, silence=3.0, step=0.02))
    beats = Heartbeat(owner, seconds=0.05)
    try:
        with pytest.raises(store.StoreError, match=r"ada on another-machine \(process 7\)"):
            store.lock_study(tmp_path)
    finally:
        beats.stop()
    assert json.loads(owner.read_text()) == FAR


@pytest.mark.parametrize("minutes", [0, 60])
def test_a_run_that_died_there_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    owner = tmp_path / "owner.json"
    owner.write_text(json.dumps(FAR))
    then = time.time() - 60 * minutes
    os.utime(owner, (then, then))
    watched = []

    def watch(path: Path) -> bool:
        watched.append(path)
        return is_alive(path, silence=0.2, step=0.02)

    monkeypatch.setattr(locks, "is_alive", watch)
    lock = store.lock_study(tmp_path)
    assert lock.note is not None
    assert f"on {FAR['host']} (process {FAR['pid']}), gives no sign of life" in lock.note
    lock.release()
    assert store.lock_study(tmp_path).note is None  # this machine's own run ended in order
    assert len(watched) == (minutes == 0)  # after an hour there is nothing to wait for


def test_a_run_that_ended_there_is_not_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner.json").write_text(json.dumps({**FAR, "ended": "2026-11-28T01:10:00+00:00"}))
    monkeypatch.setattr(locks, "is_alive", lambda path: pytest.fail(f"watches {path}"))
    store.lock_study(tmp_path).release()
    assert "ended" in json.loads((tmp_path / "owner.json").read_text())


def test_a_second_run_is_refused_with_the_owners_name(tmp_path: Path) -> None:
    lock = store.lock_study(tmp_path)
    code = (
        "from study import store; from pathlib import Path;"
        f" store.lock_study(Path({str(tmp_path)!r}))"
    )
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


def test_a_look_at_the_lock_changes_nothing(tmp_path: Path) -> None:
    """A new folder is not made, a free one stays free, a held one is refused."""
    store.check_free(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    lock = store.lock_study(tmp_path / "study")
    with pytest.raises(store.StoreError, match="another run of this study is going on"):
        store.check_free(tmp_path / "study")
    lock.release()
    store.check_free(tmp_path / "study")
    store.lock_study(tmp_path / "study").release()

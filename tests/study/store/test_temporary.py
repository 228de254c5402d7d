"""Temporary folders: where they go, and which of them are removed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from study.store import temporary


@pytest.fixture
def tmpdir_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_a_long_tmpdir_is_left_for_a_short_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmpdir_of: None
) -> None:
    longest = temporary.SOCKET_PATH_BYTES - len(temporary.BELOW_ROOT)
    long = tmp_path / ("x" * longest)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    assert str(temporary.root()) in temporary.SHORT_ROOTS
    monkeypatch.setattr(temporary, "SHORT_ROOTS", ("/no/such/place",))
    with pytest.raises(OSError, match="set a shorter TMPDIR"):
        temporary.root()


def test_a_short_tmpdir_is_used(monkeypatch: pytest.MonkeyPatch, tmpdir_of: None) -> None:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:
        monkeypatch.setenv("TMPDIR", short)
        assert temporary.root() == Path(short)
        path, lock = temporary.create()
        assert path.parent == Path(short)
        lock.release()


HOLD = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from study.store import temporary
held = temporary.create()
print(held[0], flush=True)
time.sleep(600)
"""


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_holds_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    path = Path(process.stdout.readline().strip())
    (path / "session").mkdir()
    foreign = (
        tmp_path / f"{temporary.PREFIX}of-a-version-without-locks"
    )  # cannot be told from one in use
    foreign.mkdir()
    long_ago = time.time() - 2 * temporary.SETTLED
    os.utime(foreign, (long_ago, long_ago))
    os.utime(path, (long_ago, long_ago))
    temporary.clear()
    assert (path / "session").is_dir()
    process.kill()
    process.wait()
    os.utime(path)
    temporary.clear()
    assert (path / "session").is_dir()  # Ray's processes may still be ending
    os.utime(path, (long_ago, long_ago))
    temporary.clear()
    assert list(tmp_path.iterdir()) == [foreign]

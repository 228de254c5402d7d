"""Temporary folders: where they go, and which of them are removed."""

from __future__ import annotations

import tempfile
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

"""Files are written whole, and renamed instead of deleted."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from study import store


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    store.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        store.write_json(path, {"a": float("nan")})
    assert store.read_json(path) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_takes_no_more_is_said_with_the_files_name(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            store.write_text(tmp_path / "plan.json", "longer than ten bytes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "plan.json")
    assert not list(tmp_path.iterdir())


def test_old_folders_are_moved_not_deleted(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "study").mkdir()
        assert store.move_aside(tmp_path / "study").name == f"study.old-{number}"


def make(folder: Path, file: str, error: Exception) -> None:
    with store.unmade(folder, ValueError):
        folder.mkdir(parents=True)
        if file:
            (folder / file).touch()
        raise error


def test_folders_made_for_nothing_are_taken_away_and_what_holds_a_file_stays(
    tmp_path: Path,
) -> None:
    (tmp_path / "there").mkdir()
    for name in ("there/new/study", "there/study"):
        with pytest.raises(store.StoreError):
            make(tmp_path / name, "", store.StoreError("no"))
        assert [path.name for path in tmp_path.rglob("*")] == ["there"]
    with pytest.raises(ValueError, match="no"):
        make(tmp_path / "full", "trial", ValueError("no"))
    assert (tmp_path / "full" / "trial").exists()

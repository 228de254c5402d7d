"""Links in a study's folder: files are not followed, folders only where they are the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from study import store
from study.store import links


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study" / "trials").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return tmp_path / "study"


def test_a_linked_file_is_set_aside(folder: Path) -> None:
    target = folder.parent / "outside" / "optuna.db"
    target.write_text("keep")
    (folder / "optuna.db").symlink_to(target)
    (said,) = links.settle(folder)
    assert "which is not followed" in said
    assert not (folder / "optuna.db").exists()
    assert target.read_text() == "keep"
    assert links.settle(folder.parent / "none") == []


def test_a_linked_folder_of_ones_own_is_followed_and_said(folder: Path) -> None:
    (folder / "trials" / "abc").symlink_to(folder.parent / "outside")
    assert "its files are in" in links.settle(folder)[0]
    store.lock_study(folder).release()
    assert "its files are in" in links.settle(folder)[0]


def test_a_strangers_linked_folder_is_refused(folder: Path) -> None:
    (folder / "trials" / "abc").symlink_to(folder.parent / "outside")
    store.write_json(folder / "owner.json", {"user": "eve", "host": "elsewhere"})
    with pytest.raises(store.StoreError, match="run by eve on elsewhere; replace it by a folder"):
        links.settle(folder)

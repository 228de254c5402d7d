"""The rows of trials.csv, without pandas."""

from __future__ import annotations

from pathlib import Path

from study import store
from study.store.rows import read_rows

HEAD = "id,arm,kind,number,repeat,seed_index,state"


def write(folder: Path, *lines: str) -> Path:
    (folder / "trials.csv").write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return folder


def test_rows_are_found_by_arm_kind_repeat_number_and_seed(tmp_path: Path) -> None:
    rows = read_rows(
        write(tmp_path, "a,full,search,3,1,2,completed", "b,bn,replicate,0,0,,running")
    )
    assert list(rows) == [store.Key("full", "search", 1, 3, 2), store.Key("bn", "replicate", 0, 0)]
    assert [row["id"] for row in rows.values()] == ["a", "b"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A cut line, an unknown state, and a number that is none."""
    rows = read_rows(
        write(
            tmp_path,
            "a,full,search,0,0,0,completed",
            "b,full,search",
            "c,full,search,1,0,0,fine",
            "d,full,search,one,0,0,failed",
        )
    )
    assert [row["id"] for row in rows.values()] == ["a"]


def test_no_table_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == {}
    (tmp_path / "trials.csv").write_bytes(b"id,arm\xff\n\0\n")
    assert read_rows(tmp_path) == {}

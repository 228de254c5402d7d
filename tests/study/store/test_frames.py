"""The frames that read a study's tables, those of earlier versions too."""

from __future__ import annotations

from pathlib import Path

import pytest

from study import store
from study.store.rows import read_rows


def test_frames_of_a_study_that_has_just_begun(tmp_path: Path) -> None:
    assert list(store.trials_frame(tmp_path).columns) == list(store.TRIAL_COLUMNS)
    assert len(store.epochs_frame(tmp_path)) == 0
    with pytest.raises(store.StoreError, match=r"holds no readable plan\.json"):
        store.load_plan(tmp_path)


def test_a_table_of_an_earlier_version_has_one_repeat(tmp_path: Path) -> None:
    columns = [name for name in store.TRIAL_COLUMNS if name != "repeat"]
    row = {"id": "a", "arm": "full", "kind": "search", "number": 0, "state": "completed"}
    store.write_text(tmp_path / "trials.csv", store.table_text(columns, [row]))
    assert store.trials_frame(tmp_path)["repeat"].tolist() == [0]
    assert list(read_rows(tmp_path)) == [store.Key("full", "search", 0, 0)]


def test_a_table_of_an_earlier_version_has_no_joules(tmp_path: Path) -> None:
    columns = [name for name in store.TRIAL_COLUMNS if name != "joules"]
    path = tmp_path / "trials.csv"
    path.write_text(",".join(columns) + "\n" + "," * (len(columns) - 1) + "\n", encoding="utf-8")
    assert store.trials_frame(tmp_path)["joules"].isna().all()

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


@pytest.mark.parametrize("name", ["joules", "rate_to_break_even", "test/loss"])
def test_a_table_of_an_earlier_version_lacks_what_nobody_measured(
    tmp_path: Path, name: str
) -> None:
    columns = [column for column in store.TRIAL_COLUMNS if column != name]
    path = tmp_path / "trials.csv"
    path.write_text(",".join(columns) + "\n" + "," * (len(columns) - 1) + "\n", encoding="utf-8")
    assert store.trials_frame(tmp_path)[name].isna().all()


def test_a_table_without_states_is_refused(tmp_path: Path) -> None:
    columns = [column for column in store.TRIAL_COLUMNS if column != "state"]
    (tmp_path / "trials.csv").write_text(",".join(columns) + "\n", encoding="utf-8")
    with pytest.raises(store.StoreError, match="lacks the column 'state'; repeat the study's"):
        store.trials_frame(tmp_path)

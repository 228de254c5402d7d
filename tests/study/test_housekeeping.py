"""What --status, --list and --clean say and do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study import housekeeping, store
from tests.tiny import STUDY, command, write

Tree = dict[str, Any]


@pytest.fixture
def finished(without_ray: Callable[..., Any], study_tree: Tree) -> Path:
    """A study's folder, with a checkpoint of every replicate and a trial that is not asked for."""
    _, folder = without_ray(study_tree).run()
    (folder / "trials" / ("f" * 12)).mkdir()
    return Path(folder)


def test_status_counts_by_the_plan(finished: Path) -> None:
    status = housekeeping.status(finished)
    assert status.text == "complete: 12 of 12 trials"
    assert list(status.lines())[1] == "  full                 search 2/2  replicates 2/2"
    lines = (finished / "trials.csv").read_text().splitlines()
    (finished / "trials.csv").write_text("\n".join(lines[:4]) + "\n")
    assert housekeeping.status(finished).text == "3 of 12 trials; not running"


def test_status_of_a_study_that_runs(finished: Path) -> None:
    lock = store.lock_study(finished)
    try:
        assert "running: 12 of 12 trials" in next(housekeeping.status(finished).lines())
    finally:
        lock.release()
    assert not housekeeping.is_running(finished)


def test_time_left_is_counted_per_arm() -> None:
    def arm(left: int, seconds: float | None, running: int) -> housekeeping.ArmStatus:
        return housekeeping.ArmStatus("a", 0, left, 0, 0, running, 0, seconds)

    # 4 trials of 10 s, and 2 of an arm without a measure, which take 10 s too; 3 workers
    arms = (arm(4, 40.0, 2), arm(2, None, 1))
    assert housekeeping.Status("s", True, {}, arms, None).seconds_left == 20.0


def test_studies_are_listed(finished: Path) -> None:
    lines = list(housekeeping.listing(finished.parent))
    assert lines[0].split()[:3] == ["study", "state", "size"]
    assert "tiny   complete: 12 of 12 trials" in lines[1]
    assert "less than a minute ago" in lines[1]
    assert list(housekeeping.listing(finished)) == [f"{finished}: holds no study"]


def test_cleaning_says_first_and_deletes_then(finished: Path) -> None:
    cleaning = housekeeping.cleaning(finished)
    assert [path.name for path in cleaning.retired] == ["f" * 12]
    assert len(cleaning.checkpoints) == 6
    assert "checkpoints of 6 trials that have ended" in list(cleaning.lines())
    assert cleaning.retired[0].exists()
    cleaning.carry_out()
    assert list(housekeeping.cleaning(finished).lines()) == [f"{finished}: nothing to clean"]
    assert store.trials_frame(finished)["state"].eq(store.State.COMPLETED).all()


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    for call in (housekeeping.status, housekeeping.cleaning):
        with pytest.raises(store.StoreError, match="holds no readable plan"):
            call(tmp_path)


def test_studies_are_listed_looked_at_and_cleaned(tmp_path: Path) -> None:
    assert command("--list", "--results", tmp_path) == (0, f"{tmp_path}: holds no study\n")
    write(tmp_path, STUDY)
    for option in ("--status", "--clean"):
        code, output = command(option, tmp_path)
        assert (code, "holds no readable plan.json" in output) == (2, True), output

"""What loggers read of a trial: its name, its folder, and its config as dotted paths."""

from __future__ import annotations

from pathlib import Path

from study.agenda.job import Job
from study.execution import logger_runs
from study.store.records import Kind, Role


def test_a_config_is_dotted_paths_with_lists_as_text() -> None:
    assert logger_runs.flat({"a": {"b": 1, "c": [1, 2]}, "d": None}) == {
        "a.b": 1,
        "a.c": "[1, 2]",
        "d": "null",
    }


def test_a_run_is_named_by_its_role_and_lies_below_its_arm(tmp_path: Path) -> None:
    """The second repeat has a folder of its own, so that runs do not overwrite each other."""
    config = {"seed": 7, "train": {"epochs": 3}}
    job = Job("0123456789ab", Role("bn", Kind.SEARCH, 4, 1), 7, config)
    run = logger_runs.run_of(job, "tiny", tmp_path)
    assert (run.trial_id, str(run)) == ("0123456789ab", "bn/search/4-repeat-1")
    assert Path(run.local_path) == tmp_path / "bn" / "search-4-repeat-1"
    first = logger_runs.run_of(Job("b", Role("bn", Kind.SEARCH, 4, 0), 7, config), "tiny", tmp_path)
    assert Path(first.local_path) == tmp_path / "bn" / "search-4"
    assert run.evaluated_params == {
        "study": "tiny",
        "arm": "bn",
        "kind": "search",
        "number": 4,
        "trial": "0123456789ab",
        "seed": 7,
        "train.epochs": 3,
    }


def test_a_run_that_begins_again_has_an_empty_folder(tmp_path: Path) -> None:
    run = logger_runs.Run("a", "full/search/0", str(tmp_path / "full" / "search-0"), {})
    run.init_local_path()
    old = tmp_path / "full" / "search-0" / "events"
    old.write_text("of an earlier run")
    run.empty()
    assert old.parent.is_dir()
    assert not old.exists()

"""What of the world's state ends a run, in the words of those who say it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import optuna
import pytest

from study.errors import of_the_disk, outside
from study.search.storage import open_storage
from tests.tiny import fill


def test_a_full_disk_is_known_in_optunas_words(small: Path) -> None:
    storage, _ = open_storage(small)
    study = optuna.create_study(storage=storage, study_name="full")
    fill(small, 0)
    with pytest.raises(optuna.exceptions.StorageInternalError) as raised:
        study.optimize(
            lambda trial: trial.suggest_float("x", 0, 1), n_trials=2000
        )  # until the database's free pages are used up
    assert str(of_the_disk(raised.value)).startswith("the disk is full (")
    assert of_the_disk(ValueError("else")) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study's folder with a database."""
    (tmp_path / "plan.json").write_text("{}")
    with sqlite3.connect(tmp_path / "optuna.db") as connection:
        connection.execute("CREATE TABLE trials (number INTEGER)")
    connection.close()
    return tmp_path


def refused(address: str) -> sqlite3.OperationalError:
    """What SQLite says of a write to a database."""
    with pytest.raises(sqlite3.OperationalError) as raised:
        sqlite3.connect(address, uri=True, timeout=0).execute("INSERT INTO trials VALUES (1)")
    return raised.value


def test_a_database_that_another_program_holds(folder: Path) -> None:
    holder = sqlite3.connect(folder / "optuna.db")
    holder.execute("BEGIN EXCLUSIVE")
    error = refused(f"file:{folder}/optuna.db")
    assert str(outside(error, folder)) == (
        f"{folder}/optuna.db: database is locked; close the program that holds it, and repeat the "
        "command"
    )
    holder.close()


def test_a_database_that_may_not_be_written_or_opened(folder: Path) -> None:
    error = refused(f"file:{folder}/optuna.db?mode=ro")
    assert "readonly database; make it writable" in str(outside(error, folder))
    error = refused(f"file:{folder}/none/optuna.db")
    assert "make its folder readable and writable" in str(outside(error, folder))


def test_a_folder_that_is_gone_is_said_whatever_the_error(tmp_path: Path) -> None:
    assert "was moved or removed while its study ran" in str(outside(KeyError("x"), tmp_path))


def test_a_fault_of_ours_stays_one(folder: Path) -> None:
    assert outside(KeyError("x"), folder) is None

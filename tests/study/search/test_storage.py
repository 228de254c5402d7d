"""Optuna's storage: what cannot be read, and where it lies."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study.search.storage import open_storage

# What is changed in the tables of a finished study, and whether they are then set aside.
CHANGES = {
    "UPDATE trial_user_attributes SET value_json = 'not JSON'": True,
    'UPDATE trial_params SET distribution_json = \'{"name": "Foreign"}\'': True,
    "UPDATE trials SET state = 'DONE'": True,
    "ALTER TABLE trials DROP COLUMN datetime_start": True,
    "DELETE FROM studies": True,  # the rest of their rows stays
    "UPDATE study_directions SET direction = 'MINIMIZE'": True,
    "UPDATE study_user_attributes SET value_json = '\"yes\"'": True,
    "UPDATE trial_user_attributes SET value_json = '[1]'": True,
    "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, 'seen', '3')": False,
    "DELETE FROM trial_params": False,
    "DELETE FROM trial_values": False,
    "UPDATE trial_values SET value = 'much'": False,
}


def test_a_database_that_cannot_be_read_is_set_aside(fast: Path) -> None:
    storage, _ = open_storage(fast)
    storage.engine.dispose()
    with sqlite3.connect(fast / "optuna.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
    _, aside = open_storage(fast)
    assert aside == fast / "optuna.db.damaged-1"


def test_the_folders_name_may_be_any(fast: Path) -> None:
    folder = fast / "50 % of a?b=c#d"
    folder.mkdir()
    _, aside = open_storage(folder)
    assert aside is None
    assert {path.name for path in folder.iterdir()} == {"optuna.db"}


@pytest.mark.parametrize("statement", CHANGES)
def test_a_study_with_changed_tables_goes_on(
    without_ray: Callable[..., Any],
    study_tree: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    statement: str,
) -> None:
    study_tree.update(ablation={}, baselines={}, search={"trials": 1}, replicate={"seeds": 1})
    _, folder = without_ray(study_tree).run()
    connection = sqlite3.connect(folder / "optuna.db")
    with connection:
        connection.execute(statement)
    connection.close()

    study_tree["search"] = {"trials": 2}
    code, _ = without_ray(study_tree).run()
    assert code == 0
    aside = folder / "optuna.db.damaged-1"
    assert aside.exists() == CHANGES[statement]
    assert (str(aside) in capsys.readouterr().out) == CHANGES[statement]

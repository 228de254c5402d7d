"""An optuna.db that can be opened and is not what it seems: its study goes on all the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

# What is changed in the tables of a finished study, and whether they are then set aside.
CHANGES = {
    "UPDATE trial_user_attributes SET value_json = 'not JSON'": True,
    'UPDATE trial_params SET distribution_json = \'{"name": "Foreign"}\'': True,
    "UPDATE trials SET state = 'DONE'": True,
    "ALTER TABLE trials DROP COLUMN datetime_start": True,
    "DELETE FROM studies": True,  # the rest of their rows stays
    "DELETE FROM trial_params": False,
    "DELETE FROM trial_values": False,
    "UPDATE trial_values SET value = 'much'": False,
}


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

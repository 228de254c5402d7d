"""Optuna's storage: what cannot be read, and where it lies."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from study.search.storage import open_storage


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

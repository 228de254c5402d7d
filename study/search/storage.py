"""Optuna's storage: opens it, names its searches, closes lost trials, and redirects messages."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Collection
from pathlib import Path

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import text

from study import store
from study.plan import Plan
from study.search.foreign import why_foreign
from study.store import StoreError

TIMEOUT = 120  # seconds to wait for another program that holds the database


def open_storage(folder: Path, plan: Plan | None = None) -> tuple[RDBStorage, Path | None]:
    """Opens the study's ``optuna.db``; makes it if it is missing.

    Sets aside one that cannot be used (damaged, of another version of Optuna, or changed by another
    tool); its new name is the second value.

    Raises:
        StoreError: another program holds the database, or it may not be written.
    """
    path = folder / "optuna.db"
    aside = None
    if path.exists() and not _is_usable(path, plan):
        aside = store.set_aside(path)
        for suffix in ("-journal", "-wal", "-shm"):
            extra = path.with_name(path.name + suffix)
            if extra.exists():
                os.replace(extra, aside.with_name(aside.name + suffix))
    if not path.exists():
        # Makes it under another name first, so that a kill leaves no database without its tables.
        temporary = folder / ".optuna.db.tmp"
        temporary.unlink(missing_ok=True)
        temporary.touch()  # SQLite itself would deny the group to write, whatever the umask
        _storage(temporary).engine.dispose()
        os.replace(temporary, path)
    return _storage(path), aside


def _storage(path: Path) -> RDBStorage:
    """Returns the storage in one file, whose path stays out of the URL: ``?`` means more there."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=TIMEOUT, check_same_thread=False)

    return RDBStorage("sqlite:///optuna.db", engine_kwargs={"creator": connect})


def _is_usable(path: Path, plan: Plan | None) -> bool:
    """Returns whether the database is whole, readable with this version of Optuna, and ours."""
    try:
        connection = sqlite3.connect(path, timeout=TIMEOUT)
        try:
            if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
                return False
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                return False  # Optuna cannot read rows whose study or trial is gone
            if connection.execute("SELECT count(*) FROM version_info").fetchone()[0] == 0:
                return False
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise StoreError(
            f"{path}: cannot be used ({error}); close the program that holds it, or make it "
            "writable, and repeat the command"
        ) from None
    except sqlite3.DatabaseError:
        return False
    return _is_ours(path, plan)


def _is_ours(path: Path, plan: Plan | None) -> bool:
    """Returns whether Optuna can read every trial, and all is as we wrote it."""
    storage = None
    try:
        storage = _storage(path)
        problem = why_foreign(storage, plan)
    except Exception as error:  # Optuna raises whatever a foreign value makes it raise
        problem = f"cannot be read: {error}"
    finally:
        if storage is not None:
            storage.engine.dispose()
    if problem is not None:
        logging.getLogger("study").warning("%s: %s", path, problem)
    return problem is None


def name_search(storage: RDBStorage, name: str, mark: str, current: Collection[str]) -> None:
    """Renames the search that ends with ``mark`` to ``name``, in case its arm was renamed.

    Leaves alone the ``current`` names, which the study file asks for.
    """
    known = [study.study_name for study in storage.get_all_studies()]
    if name in known:
        return
    for old in known:
        if old.endswith(f"-{mark}") and old not in current:
            statement = text("UPDATE studies SET study_name = :new WHERE study_name = :old")
            with storage.engine.begin() as connection:
                connection.execute(statement, {"new": name, "old": old})
            return


def close_phantoms(storage: RDBStorage, current: set[str]) -> None:
    """Fails the RUNNING trials of searches that the study file no longer asks for."""
    running = (TrialState.RUNNING,)
    for study in storage.get_all_studies():
        if study.study_name in current:
            continue
        for trial in storage.get_all_trials(study._study_id, deepcopy=False, states=running):
            reason = "retired: the study file no longer asks for it"
            storage.set_trial_user_attr(trial._trial_id, "reason", reason)
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def quiet(handler: logging.Handler) -> None:
    """Sends Optuna's messages and Python's warnings to ``handler`` instead of the terminal."""
    optuna.logging.disable_default_handler()
    logging.captureWarnings(True)
    for name in ("optuna", "py.warnings", "alembic"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False

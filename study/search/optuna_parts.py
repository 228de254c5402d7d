"""Optuna's storage, samplers, pruners and messages, as our studies use them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from study import store
from study.spec.models import Parameter, Search

# ---- storage ------------------------------------------------------------------------------------------------------------


def open_storage(folder: Path) -> tuple[optuna.storages.RDBStorage, Path | None]:
    """The study's ``optuna.db``, made if missing. An unreadable one is set aside, and its new name is the second value."""
    path = folder / "optuna.db"
    aside = None
    if path.exists() and not _readable(path):
        aside = store.set_aside(path)
        for suffix in ("-journal", "-wal", "-shm"):
            if (extra := path.with_name(path.name + suffix)).exists():
                os.replace(extra, aside.with_name(aside.name + suffix))
    if (
        not path.exists()
    ):  # made elsewhere and renamed: a kill while the tables are made leaves no half database
        temporary = folder / ".optuna.db.tmp"
        temporary.unlink(missing_ok=True)
        _storage(temporary).engine.dispose()
        os.replace(temporary, path)
    return _storage(path), aside


def _storage(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(
        f"sqlite:///{path.absolute()}", engine_kwargs={"connect_args": {"timeout": 60}}
    )


def _readable(path: Path) -> bool:
    try:
        connection = sqlite3.connect(path, timeout=60)
        try:
            whole = connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
            return (
                whole and connection.execute("SELECT count(*) FROM version_info").fetchone()[0] > 0
            )
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return False


def close_phantoms(storage: optuna.storages.RDBStorage, current: set[str]) -> None:
    """Trials left RUNNING by searches that the study file no longer asks for are told as FAIL."""
    for summary in storage.get_all_studies():
        if summary.study_name not in current:
            for trial in storage.get_all_trials(
                summary._study_id, deepcopy=False, states=(TrialState.RUNNING,)
            ):
                storage.set_trial_user_attr(
                    trial._trial_id, "reason", "retired: the study file no longer asks for it"
                )
                storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


# ---- samplers and pruners -----------------------------------------------------------------------------------------------


def distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.choices is not None:
        return CategoricalDistribution(tuple(choice(value) for value in parameter.choices))
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.type == "int":
        return IntDistribution(
            int(parameter.low), int(parameter.high), parameter.log, int(parameter.step or 1)
        )
    return FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)


def choice(value: Any) -> Any:
    """Optuna's choices are scalars: a list becomes its JSON text."""
    return json.dumps(value) if isinstance(value, list) else value


def unchoice(parameter: Parameter, value: Any) -> Any:
    return (
        next(given for given in parameter.choices if choice(given) == value)
        if parameter.choices is not None
        else value
    )


def seed_for(*parts: Any) -> int:
    """A 31-bit seed that is a function of ``parts``."""
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:4], "big") >> 1


def make_sampler(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    if search.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup)
    if search.sampler == "gp":
        return optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=search.startup, warn_independent_sampling=False
        )
    return optuna.samplers.RandomSampler(seed=seed)


def make_pruner(search: Search, epochs: int) -> optuna.pruners.BasePruner | None:
    pruner = search.pruner
    if pruner.type == "asha":
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=pruner.grace_epochs, reduction_factor=pruner.reduction_factor
        )
    if pruner.type == "hyperband":
        return optuna.pruners.HyperbandPruner(
            min_resource=pruner.grace_epochs,
            max_resource=epochs,
            reduction_factor=pruner.reduction_factor,
        )
    if pruner.type == "median":
        return optuna.pruners.MedianPruner(
            n_startup_trials=pruner.startup_trials, n_warmup_steps=pruner.grace_epochs - 1
        )
    return None


class Deferred:
    """The storage as a pruner sees it: what it writes is kept back until its decision is recorded."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.writes: list[tuple[int, str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    def set_trial_system_attr(self, trial: int, key: str, value: Any) -> None:
        self.writes.append((trial, key, value))


def quiet(handler: logging.Handler) -> None:
    """Sends Optuna's messages and Python's warnings to ``handler`` instead of the terminal."""
    optuna.logging.disable_default_handler()
    logging.captureWarnings(True)
    for name in ("optuna", "py.warnings", "alembic"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False

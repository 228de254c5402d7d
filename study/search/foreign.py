"""Finds what another tool has changed in an Optuna database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from study.plan import Plan

# The notes that we write, by name, with their types. Notes by other names belong to other tools.
OF_STUDIES: dict[str, type] = {"adopted": bool, "warmed_up": int}
OF_TRIALS: dict[str, type] = {
    "id": str,
    "state": str,
    "reason": str,
    "stopped_at": int,
    "stopped_after": int,
    "surplus": bool,
    "from": str,
    "point": str,
}


def why_foreign(storage: BaseStorage, plan: Plan | None) -> str | None:
    """Returns what in the database is not as we write it; None if all is.

    ``plan`` says which searches the study file asks for, and their directions. A foreign value may
    make Optuna raise any exception.
    """
    wanted = [_direction(mode) for mode in plan.spec.objectives.values()] if plan else []
    for study in storage.get_all_studies():
        is_asked_for = plan is not None and study.study_name in plan.search_names
        if is_asked_for and list(study.directions) != wanted:
            turned = ", ".join(direction.name.lower() for direction in study.directions)
            return f"{study.study_name} is to {turned}, which the study file does not ask for"
        if (name := _wrong(study.user_attrs, OF_STUDIES)) is not None:
            return f"{study.study_name} has a foreign value of {name}"
        for trial in storage.get_all_trials(study._study_id, deepcopy=False):
            if (name := _wrong(trial.user_attrs, OF_TRIALS)) is not None:
                return f"trial {trial.number} of {study.study_name} has a foreign value of {name}"
    return None


def _direction(mode: str) -> StudyDirection:
    return StudyDirection.MAXIMIZE if mode == "max" else StudyDirection.MINIMIZE


def _wrong(notes: Mapping[str, Any], kinds: Mapping[str, type]) -> str | None:
    """Returns the name of the first note of a wrong type; None if there is none."""
    for name, kind in kinds.items():
        if name in notes and type(notes[name]) is not kind:
            return name
    return None

"""Another study's search trials, for this study's samplers to learn from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from study import store
from study.plan import Arm
from study.spec.distributions import distribution, to_optuna
from study.spec.parameter import Parameter
from study.store.records import Kind, State


def trials(folder: Path, arm: Arm, objectives: Mapping[str, str]) -> Iterator[FrozenTrial]:
    """Yields the completed search trials of the arm of this name in another study's folder.

    Skips trials that lack a parameter of the arm or whose values lie outside the arm's space.
    """
    frame = store.trials_frame(folder)
    mine = frame[(frame["arm"] == arm.name) & (frame["kind"] == Kind.SEARCH)]
    for row in mine.astype(object).where(mine.notna(), None).to_dict("records"):
        values = {
            path: _value(parameter, row[path])
            for path, parameter in arm.space.items()
            if row.get(path) is not None
        }
        measured = [row.get(name) for name in objectives]
        if row["state"] != State.COMPLETED or None in measured or not arm.holds(values):
            continue
        yield optuna.create_trial(
            values=[float(value) for value in measured],  # type: ignore[arg-type]
            params={path: to_optuna(value) for path, value in values.items()},
            distributions={path: distribution(arm.space[path]) for path in values},
            user_attrs={"from": str(row["id"])},
        )


def _value(parameter: Parameter, cell: Any) -> Any:
    """Returns a cell of trials.csv, which holds numbers as floats and lists as JSON, as a value."""
    for choice in parameter.choices or ():
        if cell == (json.dumps(choice) if isinstance(choice, list) else choice):
            return choice
    return int(cell) if parameter.type == "int" else cell

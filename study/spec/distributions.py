"""Translates a parameter and its values to Optuna's distributions, and back."""

from __future__ import annotations

import json
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.spec.parameter import Parameter, same


def distribution(parameter: Parameter) -> BaseDistribution:
    """Returns the distribution from which Optuna draws the parameter."""
    if parameter.choices is not None:
        return CategoricalDistribution(tuple(map(to_optuna, parameter.choices)))
    assert parameter.low is not None
    assert parameter.high is not None
    if not parameter.is_finite:
        return FloatDistribution(parameter.low, parameter.high, parameter.log)
    high = parameter.value_at(parameter.count - 1)  # Optuna warns if no step ends there
    if parameter.type == "int":
        return IntDistribution(int(parameter.low), high, parameter.log, int(parameter.step or 1))
    return FloatDistribution(parameter.low, high, step=parameter.step)


def to_optuna(value: Any) -> Any:
    """Returns a value as Optuna's choices hold it: a list becomes JSON text."""
    return json.dumps(value) if isinstance(value, list) else value


def from_optuna(parameter: Parameter, value: Any) -> Any:
    """Returns the study file's form of a value that Optuna holds.

    Leaves a choice that the file no longer has as it is.
    """
    for choice in parameter.choices or ():
        if same(to_optuna(choice), value):
            return choice
    return parameter.nearest(value)

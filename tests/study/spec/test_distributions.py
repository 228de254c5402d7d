"""A parameter as Optuna sees it."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.spec.distributions import distribution, from_optuna, to_optuna
from study.spec.parameter import Parameter


def test_a_choice_of_a_list_comes_back_as_the_file_has_it() -> None:
    parameter = Parameter(type="categorical", choices=[4, [2, 4], None, "on"])
    for choice in parameter.values():
        assert from_optuna(parameter, to_optuna(choice)) == choice
    assert from_optuna(parameter, 16) == 16  # a choice of an earlier file


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"type": "float", "low": 1e-3, "high": 0.1, "log": True},
            FloatDistribution(1e-3, 0.1, log=True),
        ),
        (
            {"type": "float", "low": 0.1, "high": 0.4, "step": 0.2},
            FloatDistribution(0.1, 0.3, step=0.2),
        ),
        ({"type": "int", "low": 2, "high": 9, "step": 3}, IntDistribution(2, 8, step=3)),
        ({"type": "int", "low": 1, "high": 64, "log": True}, IntDistribution(1, 64, log=True)),
        (
            {"type": "categorical", "choices": [4, [2, 4], None]},
            CategoricalDistribution((4, "[2, 4]", None)),
        ),
    ],
)
def test_what_optuna_draws_from(given: dict[str, Any], expected: BaseDistribution) -> None:
    """A range that its step does not fill ends at the last step."""
    assert distribution(Parameter(**given)) == expected

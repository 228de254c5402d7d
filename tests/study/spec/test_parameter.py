"""Steps, and the one form of a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.spec.distributions import distribution, from_optuna, to_optuna
from study.spec.parameter import Parameter, same


def stepped(low: float, high: float, step: float) -> Parameter:
    return Parameter(type="float", low=low, high=high, step=step)


def test_steps_are_counted_in_decimals() -> None:
    assert stepped(0.0, 0.3, 0.1).values() == [0.0, 0.1, 0.2, 0.3]
    assert stepped(0.1, 0.7, 0.1).values() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert stepped(0.1, 0.3, 0.2).values() == [0.1, 0.3]  # 0.3 - 0.1 is 0.19999999999999998
    assert stepped(1e-4, 1e-3, 3e-4).values() == [1e-4, 4e-4, 7e-4, 1e-3]
    assert Parameter(type="int", low=2, high=9, step=3).values() == [2, 5, 8]


@given(
    low=st.integers(-50, 50), steps=st.integers(1, 40), step=st.integers(1, 30),
    digits=st.integers(0, 4),
)  # fmt: skip
def test_no_step_leaves_the_range_and_each_has_one_form(
    low: int, steps: int, step: int, digits: int
) -> None:
    unit = 10**digits
    parameter = stepped(low / unit, (low + steps * step) / unit, step / unit)
    values = parameter.values()
    assert len(values) == steps + 1
    assert values[-1] <= (parameter.high or 0.0)
    for index, value in enumerate(values):
        summed = low / unit + index * (step / unit)  # as Optuna and hand-written points give it
        assert parameter.nearest(summed) == value
        assert parameter.can_be(summed)
        assert from_optuna(parameter, summed) == value
        assert distribution(parameter)._contains(value)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (True, "on", True),
        ("off", False, True),
        (True, 1, False),
        (1, 1.0, False),
        (None, None, True),
        ([2, 4], [2, 4], True),
        ([2, 4], [2, 4.0], False),
        ([2], 2, False),
        ("none", None, False),
    ],
)
def test_values_are_one_and_the_same(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is same(other, one) is equal


def test_a_choice_of_a_list_comes_back_as_the_file_has_it() -> None:
    parameter = Parameter(type="categorical", choices=[4, [2, 4], None, "on"])
    for choice in parameter.values():
        assert from_optuna(parameter, to_optuna(choice)) == choice
    assert from_optuna(parameter, 16) == 16  # a choice of an earlier file

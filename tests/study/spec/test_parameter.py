"""Steps, and the one form of a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.spec.distributions import distribution, from_optuna
from study.spec.parameter import Parameter, same
from tests.study.spec.refusals import refused


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


GAIN = "parameters.circuit.init.gain"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (f"{GAIN}.low", 5.0, f"s.yaml: {GAIN}: low must be below high, given low: 5, high: 2"),
        (f"{GAIN}.low", -1.0, f"s.yaml: {GAIN}: log: true needs low above 0, given low: -1"),
        (f"{GAIN}.low", float("nan"), f"s.yaml: {GAIN}.low: must be a finite number, given nan"),
        (f"{GAIN}.high", float("inf"), f"s.yaml: {GAIN}.high: must be a finite number, given inf"),
        (
            f"{GAIN}.type",
            "int",
            f"s.yaml: {GAIN}: low must be a whole number for type: int, given 0.5",
        ),
        (f"{GAIN}.type", "categorical", f"s.yaml: {GAIN}: a categorical parameter needs choices"),
        (
            "parameters.circuit.init.gian.low",
            1.0,
            "s.yaml: parameters.circuit.init.gian.type: is required and not given",
        ),
    ],
)
def test_each_mistake_has_one_line(
    study_tree: dict[str, Any], key: str, value: Any, message: str
) -> None:
    assert message in refused(study_tree, key, value)


def test_values_a_parameter_can_take() -> None:
    whole = Parameter(type="int", low=2, high=8)
    choice = Parameter(type="categorical", choices=[1, "a", None])
    assert [whole.can_be(value) for value in (2, 8, 9, 2.5, "2", True)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert [choice.can_be(value) for value in (1, "a", None, True, 1.0)] == [
        True,
        True,
        True,
        False,
        False,
    ]

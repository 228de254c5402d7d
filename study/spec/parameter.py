"""One searched parameter of a study file: its possible values, and the conditions for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from eisnn.config.sections.fields import Positive, Section, Value, why_unholdable


class Parameter(Section):
    """One searched parameter: a range, or choices."""

    type: Literal["float", "int", "categorical"]
    """The kind of value."""
    low: float | None = None
    """The smallest value; float and int need it."""
    high: float | None = None
    """The largest value; float and int need it."""
    log: bool = False
    """Whether to draw values on a logarithmic scale; needs low above 0."""
    step: Positive | None = None
    """Draws only low, low + step, ...; the grid sampler needs it for float."""
    choices: list[Value] | None = None
    """The values of a categorical parameter."""
    when: dict[str, Value] = Field(default_factory=dict)
    """Other parameter -> value: this one is searched only if the other has that value."""

    @model_validator(mode="after")
    def _possible(self) -> Parameter:
        if self.type == "categorical":
            self._check_choices()
        else:
            self._check_range()
        return self

    def _check_choices(self) -> None:
        if not self.choices:
            raise ValueError(
                f"a categorical parameter needs choices: [..., ...], given {self.choices}"
            )
        given = [name for name in ("low", "high", "step") if getattr(self, name) is not None]
        given += ["log"] * self.log
        if given:
            raise ValueError(
                f"a categorical parameter has choices only, given {', '.join(given)} too"
            )
        for index, choice in enumerate(self.choices):
            if any(same(choice, other) for other in self.choices[:index]):
                raise ValueError(f"choices must differ from each other, given {self.choices}")

    def _check_range(self) -> None:
        if self.choices is not None:
            raise ValueError(f"choices are for type: categorical, given type: {self.type}")
        low, high, step = self.low, self.high, self.step
        if low is None or high is None:
            raise ValueError(
                f"a parameter of type {self.type} needs low and high, "
                f"given low: {low}, high: {high}"
            )
        if not low < high:
            raise ValueError(f"low must be below high, given low: {low:g}, high: {high:g}")
        if self.log and low <= 0:
            raise ValueError(f"log: true needs low above 0, given low: {low:g}")
        if self.log and step is not None:
            raise ValueError(f"log: true and step exclude each other, given step: {step:g}")
        if step is not None and self.count == 1:
            raise ValueError(
                f"step must be at most high - low = {high - low:g}, given step: {step:g}"
            )
        whole = [name for name in ("low", "high", "step") if (getattr(self, name) or 0) % 1]
        if self.type == "int" and whole:
            raise ValueError(
                f"{whole[0]} must be a whole number for type: int, "
                f"given {getattr(self, whole[0]):g}"
            )
        for name, value in (("low", low), ("high", high)):
            if self.type == "int" and (why := why_unholdable(int(value))) is not None:
                raise ValueError(f"{name} {why}")

    @property
    def is_finite(self) -> bool:
        """Whether there are choices or steps, so that the values can be listed."""
        return self.type != "float" or self.step is not None

    @property
    def count(self) -> int:
        """How many values a parameter with choices or steps has."""
        if self.choices is not None:
            return len(self.choices)
        low, high, step = self._decimals()
        return int((high - low) // step) + 1

    def value_at(self, index: int) -> Any:
        """Returns the choice or step number ``index``.

        Steps are counted in decimals, as the file writes them: 0.1 + 2 x 0.1 is 0.3, and no step
        lies above ``high``.
        """
        if self.choices is not None:
            return self.choices[index]
        low, _, step = self._decimals()
        value = low + index * step
        return int(value) if self.type == "int" else float(value)

    def values(self) -> list[Any]:
        """Returns every value of a parameter with choices or steps."""
        return [self.value_at(index) for index in range(self.count)]

    def ends(self) -> list[Any]:
        """Returns every choice, or the two ends of the range."""
        if self.choices is not None:
            return list(self.choices)
        if self.is_finite:
            return [self.value_at(0), self.value_at(self.count - 1)]
        return [self.low, self.high]

    def nearest(self, value: Any) -> Any:
        """Returns the nearest step of a stepped range; in other cases ``value`` itself."""
        if self.choices is not None or not self.is_finite:
            return value
        low, _, step = self._decimals()
        index = round((Decimal(repr(value)) - low) / step)
        return self.value_at(min(max(index, 0), self.count - 1))

    def can_be(self, value: Any) -> bool:
        """Returns whether ``value`` is a choice, or lies in the range up to rounding."""
        if self.choices is not None:
            return any(same(value, choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        assert self.low is not None
        assert self.high is not None
        slack = 1e-9 * (self.step or 0)
        inside = self.low - slack <= value <= self.high + slack
        return inside and not (self.type == "int" and value % 1)

    def describe(self) -> str:
        """Returns the possible values, in words."""
        if self.choices is not None:
            return "one of " + ", ".join(map(repr, self.choices))
        return f"{self.low:g} to {self.high:g}"

    def _decimals(self) -> tuple[Decimal, Decimal, Decimal]:
        """Returns low, high and step as the file writes them."""
        step = 1.0 if self.step is None else self.step
        return Decimal(repr(self.low)), Decimal(repr(self.high)), Decimal(repr(step))


SWITCH = {"on": True, "yes": True, "off": False, "no": False}


def one_form(value: Any) -> Any:
    """Returns ``on``, ``off``, ``yes`` and ``no`` as the booleans that a config takes them for."""
    if not isinstance(value, str):
        return value
    return SWITCH.get(value.lower(), value)


def same(one: Any, other: Any) -> bool:
    """Returns whether two values of a study file mean the same: ``on`` equals true, 1 does not."""
    one, other = one_form(one), one_form(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)

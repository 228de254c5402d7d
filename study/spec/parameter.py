"""One searched parameter of a study file: what it can be, and when it means something."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from eisnn.config.trial import Positive, Section, Value


class Parameter(Section):
    """One searched parameter: a range, or choices."""

    type: Literal["float", "int", "categorical"]
    """What kind of value."""
    low: float | None = None
    """Smallest value; float and int need it."""
    high: float | None = None
    """Largest value; float and int need it."""
    log: bool = False
    """Drawn on a logarithmic scale; needs low above 0."""
    step: Positive | None = None
    """Only low, low + step, ...; the grid sampler needs it for float."""
    choices: list[Value] | None = None
    """The values of a categorical parameter."""
    when: dict[str, Value] = Field(default_factory=dict)
    """Other parameter -> the value under which alone this one is searched and has a meaning."""

    @model_validator(mode="after")
    def _possible(self) -> Parameter:
        if self.type == "categorical":
            self._categorical()
        else:
            self._range()
        return self

    def _categorical(self) -> None:
        if not self.choices:
            raise ValueError(
                f"a categorical parameter needs choices: [..., ...], given {self.choices}"
            )
        given = [name for name in ("low", "high", "step") if getattr(self, name) is not None] + [
            "log"
        ] * self.log
        if given:
            raise ValueError(
                f"a categorical parameter has choices only, given {', '.join(given)} too"
            )
        if any(choice in self.choices[:index] for index, choice in enumerate(self.choices)):
            raise ValueError(f"choices must differ from each other, given {self.choices}")

    def _range(self) -> None:
        if self.choices is not None:
            raise ValueError(f"choices are for type: categorical, given type: {self.type}")
        if self.low is None or self.high is None:
            raise ValueError(
                f"a parameter of type {self.type} needs low and high, given low: {self.low}, high: {self.high}"
            )
        if not self.low < self.high:
            raise ValueError(
                f"low must be below high, given low: {self.low:g}, high: {self.high:g}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"log: true needs low above 0, given low: {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError(f"log: true and step exclude each other, given step: {self.step:g}")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(
                f"step must be at most high - low = {self.high - self.low:g}, given step: {self.step:g}"
            )
        whole = [name for name in ("low", "high", "step") if (getattr(self, name) or 0) % 1]
        if self.type == "int" and whole:
            raise ValueError(
                f"{whole[0]} must be a whole number for type: int, given {getattr(self, whole[0]):g}"
            )

    def values(self) -> list[Value]:
        """Every choice, or the two ends of the range."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        return [int(self.low), int(self.high)] if self.type == "int" else [self.low, self.high]

    def can_be(self, value: Any) -> bool:
        if self.choices is not None:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and not (self.type == "int" and value % 1)

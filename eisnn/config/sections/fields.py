"""What options are made of: the base of all sections, and the types of their fields."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from eisnn.config.user_code import REFERENCE, is_reference
from eisnn.config.yaml_file import plain_value


def _word_to_bool(value: Any) -> Any:
    """Turns on, yes, off and no into booleans; the YAML loader leaves them as words."""
    words = {"on": True, "yes": True, "off": False, "no": False}
    if isinstance(value, str):
        return words.get(value.lower(), value)
    return value


def to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _reference(value: str) -> str:
    if not is_reference(value):
        raise ValueError(f"must be module:attribute, such as my_module:build, given {value[:80]!r}")
    return value


_REFERENCE_SCHEMA = {"type": "string", "pattern": f"^{REFERENCE.pattern}$"}
Reference = Annotated[str, AfterValidator(_reference), WithJsonSchema(_REFERENCE_SCHEMA)]


def word_or_reference(*words: str, pattern: str | None = None) -> Any:
    """Returns the type of a field that is one of ``words``, or names users' own code.

    With ``pattern``, any word that matches it may be given, and ``words`` are examples.
    """

    def check(value: str) -> str:
        if value in words or is_reference(value):
            return value
        if pattern is not None and re.fullmatch(pattern, value):
            return value
        near = difflib.get_close_matches(value, words, n=1)
        also = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"must be {', '.join(map(repr, words))}, or your own module:attribute,"
            f" given {value[:80]!r}{also}"
        )

    choices: list[Any] = [{"enum": list(words)}, _REFERENCE_SCHEMA]
    if pattern is not None:
        choices.append({"type": "string", "pattern": f"^({pattern})$"})
    schema = {"anyOf": choices}
    return Annotated[str, AfterValidator(check), WithJsonSchema(schema)]


Switch = Annotated[
    bool,
    BeforeValidator(_word_to_bool),
    WithJsonSchema({"enum": [True, False, "on", "off", "yes", "no"]}),
]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Counts = Annotated[tuple[Count, ...], BeforeValidator(to_tuple)]
_PLAIN = {"type": ["number", "string", "boolean", "null"]}
Value = Annotated[
    Any,
    BeforeValidator(plain_value),
    WithJsonSchema({"anyOf": [_PLAIN, {"type": "array", "items": _PLAIN}]}),
]


# What 32 bits hold: counts and seeds that torch and NumPy take, and the floats of float32.
LARGEST_WHOLE = 2**32 - 1
LARGEST, SMALLEST = 3.4e38, 1.2e-38


def why_unholdable(number: float) -> str | None:
    """Why no training can work with the number; None if one can."""
    size = abs(number)
    if isinstance(number, int):
        if size <= LARGEST_WHOLE:
            return None
        text = str(number) if size < 10**80 else "a number of over 80 digits"
        return f"must be at most {LARGEST_WHOLE:,} in size, given {text}"
    if size > LARGEST:
        return f"must be at most {LARGEST:g} in size, as float32 is, given {number:g}"
    if 0 < size < SMALLEST:
        return f"must be at least {SMALLEST:g} in size, or float32 takes it for 0, given {number:g}"
    return None


class Section(BaseModel):
    """Frozen; unknown keys, NaN, infinities, numbers given as text, and numbers that no machine
    computes with are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @field_validator("*")
    @classmethod
    def _holdable(cls, value: Any) -> Any:
        for item in value if isinstance(value, tuple) else [value]:
            if isinstance(item, int | float) and (why := why_unholdable(item)) is not None:
                raise ValueError(why)
        return value

"""What options are made of: the base of all sections, and the types of their fields."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

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


class Section(BaseModel):
    """Frozen; unknown keys, NaN, infinities, and numbers given as text are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

"""Messages about a wrong config: a line per problem, ``file: dotted.key: what must hold``."""

from __future__ import annotations

import difflib
import re
import reprlib
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from eisnn.errors import ConfigError

MAX_PROBLEMS = 20  # lines of one error


def suggestion(word: str, known: Iterable[str]) -> str:
    """Returns ``; did you mean 'x'?`` with the nearest known word, or a list of all known words if
    none is near."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}"


def known_fields(model: type[BaseModel], location: tuple[Any, ...]) -> set[str]:
    """Returns the field names of the model that a pydantic error's ``location`` (without its last
    part) points into."""
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = model_in(fields[part].annotation)
    return set(getattr(current, "model_fields", {}))


def model_in(annotation: Any) -> Any:
    """Returns the pydantic model inside an annotation such as ``Section | None`` or ``dict[str,
    Section]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = model_in(argument)
        if found is not None:
            return found
    return None


def explain(error: ValidationError, model: type[BaseModel], where: str) -> ConfigError:
    """Turns a pydantic error into ours: one line per problem, ``file: dotted.key: what must hold,
    given ...``."""
    lines: dict[tuple[str, str], str] = {}
    problems = error.errors(include_url=False)
    for count, problem in enumerate(problems):
        if len(lines) == MAX_PROBLEMS:
            lines["", ""] = f"{where}: and up to {len(problems) - count} more problems"
            break
        location, text = _place_and_text(problem, model)
        key = ".".join(_key(part) for part in location)
        # A value that may be of several kinds fails once for each of them; once is enough to read.
        what = text.partition(", given ")[0]
        lines.setdefault((key, what), f"{where}: {key}: {text}" if key else f"{where}: {text}")
    return ConfigError("\n".join(lines.values()))


_PLAIN = {
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "float_type": "a number",
}
_PLAIN |= {"int_type": "a whole number", "int_from_float": "a whole number"}
_PLAIN |= dict.fromkeys(
    ("model_type", "model_attributes_type", "dict_type", "mapping_type"),
    "a mapping of keys to values",
)


def _place_and_text(problem: Any, model: type[BaseModel]) -> tuple[tuple[Any, ...], str]:
    """Returns where a problem is, as the user sees it, and what is wrong there."""
    location, kind, value = problem["loc"], problem["type"], problem["input"]
    depth, field = _leaf(model, location)
    wrong_length = kind in ("too_long", "too_short") or (
        kind == "missing" and depth < len(location)
    )
    in_one_kind = field is not None and _is_union(field.annotation) and depth < len(location)
    if kind == "value_error" and not in_one_kind:
        return location, str(problem["ctx"]["error"])
    if field is not None and (wrong_length or _is_union(field.annotation)):
        return location[
            :depth
        ], f"must be {describe(field.annotation, field.metadata)}, given {_short(value)}"
    if kind == "extra_forbidden":
        return location, "unknown key" + _known_key(str(location[-1]), location, model)
    if kind == "missing":
        return location, "is required and not given"
    if kind == "invalid_key":
        return location[:-1], f"a key must be text, given {_short(value)}"
    message = _PLAIN.get(
        kind, problem["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    )
    text = f"must be {message}, given {_short(value)}"
    if kind == "literal_error" and isinstance(value, str):
        near = difflib.get_close_matches(value, re.findall("'([^']*)'", message), n=1)
        text += "".join(f"; did you mean {word!r}?" for word in near)
    return location, text


def _known_key(name: str, location: tuple[Any, ...], model: type[BaseModel]) -> str:
    """Returns what to write instead of an unknown key: a similar key of its section, the same key
    of another section, or a list of its section's keys."""
    known = known_fields(model, location[:-1])
    if not difflib.get_close_matches(name, known, n=1):
        for path in _paths(model):
            if path.rpartition(".")[2] == name:
                return f"; did you mean {path}?"
    return suggestion(name, known)


def _leaf(model: type[BaseModel], location: tuple[Any, ...]) -> tuple[int, FieldInfo | None]:
    """Returns how many parts of ``location`` lead to a field with a plain value, and that field.
    Parts that follow are inside it."""
    current: Any = model
    for depth, part in enumerate(location):
        field = getattr(current, "model_fields", {}).get(part)
        if field is not None:
            current = model_in(field.annotation)
            if current is None:
                return depth + 1, field
    return len(location), None


def _paths(model: type[BaseModel], prefix: str = "") -> Iterable[str]:
    """Yields the dotted paths of all fields."""
    for name, field in model.model_fields.items():
        yield prefix + name
        inner = model_in(field.annotation)
        if inner is not None and get_origin(field.annotation) is not dict:
            yield from _paths(inner, f"{prefix}{name}.")


def _is_union(annotation: Any) -> bool:
    """Whether values of several kinds are allowed; None does not count as one."""
    union = get_origin(annotation) in (Union, types.UnionType)
    return union and len([kind for kind in get_args(annotation) if kind is not types.NoneType]) > 1


def describe(annotation: Any, constraints: Iterable[Any] = ()) -> str:
    """Describes a type in plain words: ``int | tuple[int, ...]`` with ``ge=1`` is "a whole number
    >= 1, or a list of them"."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner: list[Any] = []
        for extra in arguments[1:]:
            inner += extra.metadata if isinstance(extra, FieldInfo) else [extra]
        return describe(arguments[0], inner)
    if origin in (Union, types.UnionType):
        kinds = [describe(kind) for kind in arguments if kind is not types.NoneType]
        return ", or ".join(
            kind.replace(f"a list, each {kinds[0]}", "a list of them") for kind in kinds
        )
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (tuple, list):
        any_length = origin is list or arguments[-1] is Ellipsis
        number = "" if any_length else f" of {len(arguments)}"
        return f"a list{number}, each {describe(arguments[0])}"
    name = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(
        annotation, "another kind of value"
    )
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits: list[str] = []
    for item in constraints:
        given = [limit for limit in signs if hasattr(item, limit)]
        limits += [f"{signs[limit]} {getattr(item, limit):g}" for limit in given]
    return f"{name} {' and '.join(limits)}".strip()


def _key(part: Any) -> str:
    text = str(part)
    return text if text.isprintable() else repr(text)


_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxlong, _REPR.maxother = 4, 80, 80, 80


def _short(value: Any) -> str:
    """Returns a value roughly as YAML writes it, in at most a line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _REPR.repr(list(value) if isinstance(value, tuple) else value)

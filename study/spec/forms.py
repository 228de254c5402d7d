"""The form that several sections share: one word, or a list of words."""

from __future__ import annotations

from typing import Any


def to_tuple(value: Any) -> Any:
    """Returns a word or a list as a tuple, and any other value unchanged."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def one_or_list(words: tuple[str, ...]) -> dict[str, Any]:
    """Returns the JSON Schema of one of the words, or a list of them."""
    one = {"enum": list(words)}
    return {"anyOf": [one, {"type": "array", "items": one}]}

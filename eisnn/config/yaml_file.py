"""Reads config and study files, and sets values in them by dotted paths."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eisnn.errors import ConfigError

MAX_BYTES = 1_000_000


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """Returns the mapping that ``text`` holds; ``where`` names its source in errors.

    Raises:
        ConfigError: see `eisnn.config.strict_yaml`, the only module that needs PyYAML.
    """
    from eisnn.config import strict_yaml

    return strict_yaml.parse_yaml(text, where)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Returns the mapping in the file at ``path``.

    Raises:
        ConfigError: `read_text` or `parse_yaml` refuses it.
    """
    return parse_yaml(read_text(path), str(path))


def read_text(path: str | Path, what: str = "a YAML file") -> str:
    """Returns the text of a config or study file; ``what`` names its kind in errors.

    Raises:
        ConfigError: the file is missing, is not UTF-8 text, or is over 1 MB.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_BYTES + 1)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be UTF-8 text, but byte {error.start} is not") from None
    except ValueError as error:  # a NUL in the path
        raise ConfigError(f"{str(path)!r}: {error}; give the path of {what}") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: {(error.strerror or str(error)).lower()}; give the path of {what}"
        ) from None
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"{path}: is over {MAX_BYTES:,} bytes; a config or study file is a page or two"
        )
    return text


def shipped(path: Path) -> Path:
    """Returns ``path``, or, if it does not exist, the study file or config of that name that came
    with the package."""
    ours = Path(__file__).parents[2] / path
    known = path.parts[:1] in (("configs",), ("search_spaces",))
    if known and not path.exists() and ours.is_file():
        return ours
    return path


def scalar(text: str, where: str) -> Any:
    """Returns the value that ``text`` has in our YAML: ``scalar("1e-4", "--set x") == 0.0001``.

    Raises:
        ConfigError: the text is no value, or YAML would take a part of it for a comment.
    """
    if re.search(r"(^|\s)#", text) and text.strip()[:1] not in ("'", '"'):
        raise ConfigError(
            f"{where}: '#' begins a comment in YAML; put quotes around the value, given {text}"
        )
    return parse_yaml(f"value: {text}", where)["value"]


def plain_value(value: Any) -> Any:
    """Returns ``value`` if a single option can hold it: a number, word, switch or null, or a list
    of them. Raises ValueError otherwise."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, bool | int | float | str | None):
            raise ValueError(
                "must be a number, a word, true, false, null, or a list of them,"
                f" given {str(value)[:80]}"
            )
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError(f"must be finite, given {item}")
    return value


def set_path(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets ``tree["a"]["b"] = value`` for ``dotted = "a.b"``. Makes mappings on the way, also in
    place of a null."""
    set_keys(tree, dotted.split("."), value)


def set_keys(tree: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    """Does what `set_path` does, for keys that may hold dots themselves."""
    *parents, last = keys
    for key in parents:
        child = tree.get(key)
        if not isinstance(child, dict):
            child = tree[key] = {}
        tree = child
    tree[last] = value

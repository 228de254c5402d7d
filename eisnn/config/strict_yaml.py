"""Strict YAML: gives what the user meant, or an error that names file, key and line.

PyYAML implements YAML 1.1, where ``1e-4`` is a string, ``off`` and ``no`` are False, and the last
of two equal keys silently wins. Here ``1e-4`` is a number, only ``true`` and ``false`` are booleans
(``on``/``off``/``yes``/``no`` stay words, which boolean fields of a config understand), equal keys
are errors, and anchors, aliases (which can blow a file of 1 kB up to gigabytes), merge keys and
tags are refused.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from eisnn.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's booleans and numbers, unique keys, and no aliases, merge keys or
    tags."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            problem = "anchors and aliases are not supported; write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        if event.tag is not None:
            problem = f"tags such as {event.tag} are not supported; write the plain value"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be a plain word", problem_mark=key_node.start_mark
                )
            if key_node.tag == "tag:yaml.org,2002:merge":
                problem = "merge keys (<<) are not supported; write the keys out"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if key_node.value in seen:
                problem = (
                    f"the key {key_node.value!r} is given twice in one mapping; keep one of them"
                )
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=True)


_NUMBER = re.compile(
    r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_INT, _FLOAT, _BOOL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool"))
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in (_INT, _FLOAT, _BOOL, "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _BOOL, re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(_INT, re.compile(r"^[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(_FLOAT, re.compile(f"^({_NUMBER.pattern})$"), list("-+.0123456789"))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """Returns the mapping that ``text`` holds; ``where`` names its source in errors.

    Raises:
        ConfigError: the text is not YAML or not a mapping, gives a key twice, has an alias, or is
            nested too deeply.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}{line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(
            f"{where}: cannot be read as YAML: {str(error).splitlines()[0]}"
        ) from None
    if not isinstance(value, dict):
        given = "nothing" if value is None else type(value).__name__
        raise ConfigError(f"{where}: must be a mapping of keys to values, given {given}")
    return value

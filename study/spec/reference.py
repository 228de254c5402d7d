"""Writes the reference pages and JSON Schemas: ``python -m study.spec.reference``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import eisnn
from eisnn.config.messages import model_in
from eisnn.config.trial import TrialConfig
from study.spec.models import StudySpec

DOCS = Path(eisnn.__file__).parent.parent / "docs"

STUDY_HEAD = """# The study file

Generated from `study/spec` by `python -m study.spec.reference`. Commented examples are in
`search_spaces/`. `parameters`, `overrides`, factors and baselines name options of a single run by
their dotted paths; these options are in [config.md](config.md). Unknown keys, wrong types and
impossible combinations are refused before anything starts, each with file, key and what to do.
Every key can be overridden on the command line: `--set search.trials=4`. What a search does is in
[searching.md](searching.md).
"""
CONFIG_HEAD = """# The config of a single run

Generated from `eisnn/config/sections/` by `python -m study.spec.reference`. `configs/` has a
complete file for every network of the paper. Every option can be named by its dotted path
(`circuit.init.gain`) in a [study file](study_file.md).
"""
EDITOR = """
Editors that know YAML's language server (VS Code, Neovim, ...) complete and check a file whose
first line names its schema, by a path relative to the file, or a URL:

```yaml
# yaml-language-server: $schema={path}
```
"""


def pages() -> dict[Path, str]:
    """Returns the content of each file, by its path below docs/."""
    study, config = schema(StudySpec), schema(TrialConfig)
    return {
        Path("study_file.md"): "\n".join(
            [
                STUDY_HEAD + EDITOR.format(path="../docs/schema/study.schema.json"),
                *tables(StudySpec, study),
            ]
        )
        + "\n",
        Path("config.md"): "\n".join(
            [
                CONFIG_HEAD + EDITOR.format(path="../../docs/schema/config.schema.json"),
                *tables(TrialConfig, config),
            ]
        ),
        Path("schema/study.schema.json"): json.dumps(study, indent=1) + "\n",
        Path("schema/config.schema.json"): json.dumps(config, indent=1) + "\n",
    }


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a YAML file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def tables(model: type[BaseModel], whole: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yields Markdown: one table of the model's own options, then one for each section in it."""
    sections = {
        field.alias or name: inner
        for name, field in model.model_fields.items()
        if (inner := model_in(field.annotation)) is not None
    }
    definition = whole["$defs"][model.__name__] if prefix else whole
    yield f"\n## {prefix.rstrip('.') or 'Top level'}\n\n{_text(model.__doc__)}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for name, field in ((field.alias or name, field) for name, field in model.model_fields.items()):
        if name in sections:
            link = _below(name, definition["properties"][name])
            meaning = _text(field.description or sections[name].__doc__)
            anchor = re.sub("[^a-z0-9_-]", "", (prefix + link).lower())
            yield f"| `{name}` | [{prefix}{link}](#{anchor}) | | {meaning} |"
        else:
            default = "required"
            if not field.is_required():
                default = _word(field.get_default(call_default_factory=True))
            words = kind(definition["properties"][name])
            yield f"| `{name}` | {words} | {default} | {_text(field.description)} |"
    for name, inner in sections.items():
        yield from tables(inner, whole, f"{prefix}{_below(name, definition['properties'][name])}.")


def _below(name: str, property: Mapping[str, Any]) -> str:
    if "additionalProperties" in property:
        return f"{name}.<path>"
    return f"{name}.<number>" if property.get("type") == "array" else name


def kind(schema: Mapping[str, Any], several: bool = False) -> str:
    """Describes the kind of a value, or of ``several`` values, in words."""
    if "anyOf" in schema and isinstance(schema["anyOf"][0].get("type"), list):
        return "plain values" if several else "a plain value, or a list of them"
    if "anyOf" in schema:
        return ", or ".join(
            dict.fromkeys(
                kind(option) for option in schema["anyOf"] if option.get("type") != "null"
            )
        )
    if "enum" in schema or "const" in schema:
        words = [_word(word) for word in schema.get("enum", [schema.get("const")])]
        if words[:2] == ["true", "false"]:
            return "true or false"
        return " \\| ".join(words)
    if "pattern" in schema:
        return "an address" if "http" in schema["pattern"] else "`module:attribute`"
    if "prefixItems" in schema:
        items = schema["prefixItems"]
        return f"a list of {kind(items[0], True)} ({len(items)})"
    if schema.get("type") == "array":
        return f"a list of {kind(schema.get('items', {}), True)}"
    if schema.get("type") == "object":
        inner = kind(schema["additionalProperties"], True)
        return f"{'mappings' if several else 'a mapping'} to {inner}"
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
    }
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [
        f"{sign} {_number(schema[limit])}" for limit, sign in limits.items() if limit in schema
    ]
    return " ".join(
        [names.get(str(schema.get("type")), "a plain value"), ", ".join(bounds)]
    ).strip()


def _word(value: Any) -> str:
    """Returns a value as YAML writes it; an empty text if there is none."""
    if value is None or value in ({}, (), []):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(_word, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("``", "`").replace("|", "\\|")


def main() -> None:
    """Writes the files."""
    for path, text in pages().items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_text(text, encoding="utf-8")
        print(DOCS / path)


if __name__ == "__main__":
    main()

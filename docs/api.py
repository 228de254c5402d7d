"""Writes docs/api.md from signatures and docstrings: ``python docs/api.py``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAD = """# Public names

Written by `python docs/api.py` from signatures and docstrings. These names stay where they are when
files move; anything else may move with a release. `python -m eisnn` and `python -m reports` are the
commands for single runs and reports.
"""


def page() -> str:
    import eisnn
    import reports

    parts = [HEAD]
    for module, names in ((eisnn, eisnn.__all__), (reports, reports.__all__)):
        parts.append(f"\n## {module.__name__}\n")
        parts += [_entry(module.__name__, name, getattr(module, name)) for name in sorted(names)]
    return "".join(parts)


def _entry(module: str, name: str, value: Any) -> str:
    text = inspect.cleandoc(value.__doc__ or "").strip()
    if hasattr(value, "model_fields"):
        return f"\n### {module}.{name}\n\n{text} Its options: [config.md](config.md).\n"
    signature = f"{name}{_signature(value)}"
    return f"\n### {module}.{name}\n\n```python\n{signature}\n```\n\n```text\n{text}\n```\n"


def _signature(value: Any) -> str:
    """Returns the signature, with one parameter per line if there are more than three."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        parameters.append(_parameter(parameter))
    answer = ""
    if signature.return_annotation is not inspect.Signature.empty:
        answer = f" -> {signature.return_annotation}".replace("'", "")
    if len(signature.parameters) <= 3:
        return f"({', '.join(parameters)}){answer}"
    lines = [f"    {parameter}," for parameter in parameters]
    return "(\n" + "\n".join(lines) + f"\n){answer}"


def _parameter(parameter: inspect.Parameter) -> str:
    """Returns a parameter as code would write it, its type without the quotes of annotations."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    text = stars.get(parameter.kind, "") + parameter.name
    if parameter.annotation is not inspect.Parameter.empty:
        text += f": {parameter.annotation}"
    default = parameter.default
    if default is inspect.Parameter.empty:
        return text
    if inspect.isfunction(default):
        return f"{text} = {default.__name__}"
    if type(default).__module__.startswith("eisnn."):  # options at their defaults
        return f"{text} = {type(default).__name__}()"
    return f"{text} = {default!r}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    (ROOT / "docs" / "api.md").write_text(page(), encoding="utf-8")

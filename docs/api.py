"""Writes docs/api.md from signatures and docstrings: ``python docs/api.py``."""

from __future__ import annotations

import inspect
import re
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
    signature = _signature(value).replace("'", "")
    signature = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", signature)
    return f"\n### {module}.{name}\n\n```python\n{name}{signature}\n```\n\n```text\n{text}\n```\n"


def _signature(value: Any) -> str:
    """Returns the signature, with one parameter per line if there are more than three."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    if len(signature.parameters) <= 3:
        return str(signature)
    words = str(signature.replace(return_annotation=inspect.Signature.empty))
    returned = signature.return_annotation
    answer = "" if returned is inspect.Signature.empty else f" -> {returned}"
    lines = [f"    {parameter}," for parameter in signature.parameters.values()]
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds and "*args" not in words:
        lines.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "    *,")
    return "(\n" + "\n".join(lines) + f"\n){answer}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    (ROOT / "docs" / "api.md").write_text(page(), encoding="utf-8")

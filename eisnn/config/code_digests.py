"""What a trial remembers about users' code: a digest of its source.

`digests` go into the config, so that edited code makes new trials, and `verify` refuses to train
with code that was edited after the plan was made.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from eisnn.config.user_code import UserCodeError, references, source

OURS = ("eisnn", "study", "reports")  # NUMERICS_VERSION says when these change a trial


def digests(tree: Mapping[str, Any]) -> dict[str, str]:
    """Returns module -> digest of its source, for every reference in a resolved config.

    Raises:
        UserCodeError: there is no such module.
    """
    modules = {
        reference.partition(":")[0]: f"{key}: {reference}"
        for key, reference in references(tree).items()
    }
    return {module: digest(module, where) for module, where in modules.items()}


def notes(tree: Mapping[str, Any], also: Mapping[str, str] = {}) -> list[str]:
    """Returns a line for each piece of users' code that a run with this config executes, since it
    can do whatever the user can."""
    named = {**references(tree), **also}
    return [
        f"runs your code: {key}: {reference} ({source(reference.partition(':')[0], key)})"
        for key, reference in named.items()
    ]


def verify(tree: Mapping[str, Any]) -> None:
    """Raises `UserCodeError` if code differs from what the config says it is (``code``)."""
    now = digests(tree)
    for module, known in (tree.get("code") or {}).items():
        if now.get(module, known) != known:
            raise UserCodeError(
                f"{source(module, module)}: has changed since this trial was planned, which makes"
                " it another trial; repeat the command"
            )


@cache
def digest(module: str, where: str) -> str:
    """Returns sixteen hex digits for the sources of ``module`` and of what it imports from the same
    folder, computed once per process."""
    text = hashlib.sha256()
    for name, file in sorted(sources(module, source(module, where)).items()):
        text.update(f"{name}\n".encode() + file.read_bytes() + b"\n")
    return text.hexdigest()[:16]


def sources(module: str, file: Path) -> dict[str, Path]:
    """Returns the module's file, and those beside it that it imports, directly or not. For an
    installed module, its own file alone: ``environment.json`` records the version."""
    root = file.parents[module.count(".") + (file.name == "__init__.py")]
    installed = {"site-packages", "dist-packages"} & set(root.parts)
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file(root, name)
        if name in found or path is None or name.partition(".")[0] in OURS:
            continue
        found[name] = path
        if not installed:
            waiting += _imported(path, name)
    return found


def _file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next(
        (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None
    )


def _imported(file: Path, module: str) -> list[str]:
    """Returns the dotted names of all that a file may import: modules, their packages, and
    attributes that may be modules."""
    package = module.split(".")
    if file.name != "__init__.py":
        package.pop()
    names: list[str] = []
    with contextlib.suppress(SyntaxError):  # importing it will say so
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base: list[str] = []
                if node.level:
                    base += package[: len(package) - node.level + 1]
                if node.module:
                    base.append(node.module)
                names.append(".".join(base))
                names += [".".join([*base, alias.name]) for alias in node.names]
    parts = [name.split(".") for name in names if name]
    return [".".join(part[:count]) for part in parts for count in range(1, len(part) + 1)]

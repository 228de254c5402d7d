"""Users' own code: a network, a layer, a dataset or a diagnostic, named in a config or study file as ``package.module:attribute``.

Naming code runs it. A module is found as Python finds modules: installed, or in the current folder or the folder of the study or
config file (`look_in`), which travel to the workers. Its source is part of what a trial is: `digests` go into the config, so that
edited code makes new trials, and `verify` refuses to train with code that was edited after the plan was made.

This module does not import torch.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from eisnn.config.yaml_file import ConfigError, suggestion
from eisnn.errors import Diverged

REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
KEYS = (
    ("model", "factory"),
    ("model", "norm"),
    ("data", "name"),
    ("train", "optimizer"),
    ("train", "loss"),
)  # of a config, where users' code can stand
OURS = ("eisnn", "study", "reports")  # stand for themselves by the version of the numerics


class UserCodeError(ConfigError):
    """The user's own code is missing, raised, or answered with something else than it must. Says key, file and what to do."""


def is_reference(value: Any) -> bool:
    return isinstance(value, str) and REFERENCE.fullmatch(value) is not None


def references(tree: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> reference, of a resolved config."""
    return {
        f"{section}.{key}": tree[section][key]
        for section, key in KEYS
        if is_reference(tree.get(section, {}).get(key))
    }


def look_in(folders: Iterable[str | Path]) -> None:
    """Adds folders to where modules are looked for, after all that is installed: no file there can stand in for a library."""
    for folder in (str(Path(folder).absolute()) for folder in folders):
        if folder not in sys.path and Path(folder).is_dir():
            sys.path.append(folder)
    importlib.invalidate_caches()


def find(reference: str, key: str) -> Callable[..., Any]:
    """The function or class that ``reference`` names; its module is imported, and so run. ``key`` is where it was named.

    Raises:
        UserCodeError: no such module or attribute, or importing it raised.
    """
    module, _, attribute = reference.partition(":")
    file = source(module, f"{key}: {reference}")
    with blame(f"{key}: {reference}: importing {file}"):
        found = importlib.import_module(module)
    value = getattr(found, attribute, None)
    if not callable(value):
        known = [
            name
            for name, item in vars(found).items()
            if callable(item) and not name.startswith("_")
        ]
        raise UserCodeError(
            f"{key}: {reference}: {file} has no function or class {attribute!r}{suggestion(attribute, known)}"
        )
    return value


def source(module: str, where: str) -> Path:
    """The file of a module."""
    try:
        with blame(f"{where}: importing {module.rpartition('.')[0]}"):
            spec = importlib.util.find_spec(module)
    except UserCodeError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError) or not f"{module}.".startswith(
            f"{error.__cause__.name}."
        ):
            raise
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise UserCodeError(
            f"{where}: there is no module {module!r}: it must be installed, or lie in the current folder ({Path().absolute()}) or beside "
            "the study or config file"
        )
    return Path(spec.origin)


@contextlib.contextmanager
def blame(what: str) -> Iterator[None]:
    """An exception that users' code raises within becomes a `UserCodeError` that says ``what``, and where it was raised."""
    try:
        yield
    except (ConfigError, Diverged, MemoryError):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        raise UserCodeError(f"{what} raised {_described(error)}") from error


def _described(error: Exception) -> str:
    """Kind, first line, and the deepest place in the user's own files, if there is one."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    foreign = ("site-packages", "dist-packages", "<frozen", str(Path(__file__).parents[1]))
    theirs = [
        frame for frame in frames if not any(part in frame.filename for part in foreign)
    ] or frames
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} ({theirs[-1].filename}, line {theirs[-1].lineno})"


# ---- what a trial remembers of the code ---------------------------------------------------------------------------------


def digests(tree: Mapping[str, Any]) -> dict[str, str]:
    """Module -> digest of its source, for every reference of a resolved config.

    Raises:
        UserCodeError: there is no such module.
    """
    modules = {
        reference.partition(":")[0]: f"{key}: {reference}"
        for key, reference in references(tree).items()
    }
    return {module: digest(module, where) for module, where in modules.items()}


def notes(tree: Mapping[str, Any], also: Mapping[str, str] = {}) -> list[str]:
    """A line for each piece of the user's code that a run with this config will run: it can do whatever they can."""
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
                f"{source(module, module)}: has changed since this trial was planned, and is another trial now; repeat the command"
            )


@cache
def digest(module: str, where: str) -> str:
    """Sixteen hex digits of the sources of ``module`` and of what it imports from the same folder; once per process."""
    text = hashlib.sha256()
    for name, file in sorted(sources(module, source(module, where)).items()):
        text.update(f"{name}\n".encode() + file.read_bytes() + b"\n")
    return text.hexdigest()[:16]


def sources(module: str, file: Path) -> dict[str, Path]:
    """The module's file, and those beside it that it imports, directly or not. Of an installed module its own file alone: what is
    installed has a version, and ``environment.json`` says which."""
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
    """Dotted names of all that a file may import: modules, their packages, and attributes that may be modules."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    names: list[str] = []
    with contextlib.suppress(SyntaxError):  # importing it will say so
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                names += [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
    parts = [name.split(".") for name in names if name]
    return [".".join(part[:count]) for part in parts for count in range(1, len(part) + 1)]

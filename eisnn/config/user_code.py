"""Users' own code: a network, a layer, a dataset or a diagnostic, named in a config or study file
as ``package.module:attribute``.

Only code that is named is run, not what else lies beside it. A module is found where Python finds
modules, else in the current folder or the folder of the study or config file (`look_in`), which
travel to the workers. Its source is part of the trial's id: see `eisnn.config.code_digests`.

This module does not import torch.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eisnn.config.messages import suggestion
from eisnn.errors import ConfigError, Diverged

REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
KEYS = (
    ("model", "factory"),
    ("model", "norm"),
    ("data", "name"),
    ("train", "optimizer"),
    ("train", "loss"),
)  # of a config, where users' code can stand


class UserCodeError(ConfigError):
    """The user's own code is missing, raised an error, or returned something else than it must. The
    message gives key, file and remedy."""


def is_reference(value: Any) -> bool:
    return isinstance(value, str) and REFERENCE.fullmatch(value) is not None


def references(tree: Mapping[str, Any]) -> dict[str, str]:
    """Returns dotted key -> reference, for all references in a resolved config."""
    return {
        f"{section}.{key}": tree[section][key]
        for section, key in KEYS
        if is_reference(tree.get(section, {}).get(key))
    }


class _Beside(importlib.abc.MetaPathFinder):
    """Finds modules of the user's beside their study or config file, and no others that lie there.

    If the folder were on the search path, any library that looks for an optional one would import
    a file of that name from it. This finder finds only what a config names, and what those modules
    import themselves. It comes last, so that no file takes the place of a library.
    """

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.named: set[str] = set()  # top-level modules that a config or study file names
        self.found: set[str] = set()  # and those that were found here

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is not None or not (name in self.named or _importer() in self.found):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, self.folders)
        if spec is not None:
            self.found.add(name)
        return spec


_beside = _Beside()


def _importer() -> str:
    """Returns the top-level name of the module whose code asks for an import."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in ("importlib", "_frozen_importlib", "eisnn"):
            return name.partition(".")[0]
        frame = frame.f_back
    return ""


def look_in(folders: Iterable[str | Path]) -> None:
    """Adds folders in which modules named by a config are looked for, after Python's own places.

    Folders added later are searched first.
    """
    given = [str(Path(folder).absolute()) for folder in folders if Path(folder).is_dir()]
    _beside.folders = list(dict.fromkeys([*given, *_beside.folders]))
    if _beside not in sys.meta_path:
        sys.meta_path.append(_beside)
    importlib.invalidate_caches()


def find(reference: str, key: str) -> Callable[..., Any]:
    """Imports, and so runs, the module that ``reference`` names; returns its function or class.

    ``key`` is the option that names it.

    Raises:
        UserCodeError: there is no such module or attribute, or importing it raised an error.
    """
    module, _, attribute = reference.partition(":")
    file = source(module, f"{key}: {reference}")
    with blame(f"{key}: {reference}: importing {file}"), _as_a_module(file):
        found = importlib.import_module(module)
    value = getattr(found, attribute, None)
    if not callable(value):
        known = [
            name
            for name, item in vars(found).items()
            if callable(item) and not name.startswith("_")
        ]
        raise UserCodeError(
            f"{key}: {reference}: {file} has no function or class {attribute!r}"
            f"{suggestion(attribute, known)}"
        )
    return value


def source(module: str, where: str) -> Path:
    """Returns the file of a module; ``where`` begins the error if there is none."""
    _beside.named.add(module.partition(".")[0])
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
            f"{where}: there is no module {module!r}: it must be installed, or lie in"
            f" the current folder ({_current_folder()}) or beside the study or config file"
        )
    return Path(spec.origin)


@contextlib.contextmanager
def _as_a_module(file: Path) -> Iterator[None]:
    """Hides our command line from a script of the user's that parses its own when imported."""
    arguments, sys.argv = sys.argv, [str(file)]
    try:
        yield
    finally:
        sys.argv = arguments


@contextlib.contextmanager
def blame(what: str) -> Iterator[None]:
    """Runs users' code, which may do anything.

    Whatever it raises, sys.exit included, becomes a `UserCodeError` that says ``what`` ran and
    where it was raised. A change of folder is undone, and a process that the code forked ends here
    rather than continuing as ours.
    """
    process, folder = os.getpid(), _current_folder()
    try:
        yield
    except (ConfigError, Diverged, MemoryError):
        raise
    except SystemExit as error:
        raise UserCodeError(
            f"{what} called sys.exit({_exit_code(error)}){_place(error)}"
        ) from error
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":
            raise
        raise UserCodeError(f"{what} raised {_described(error)}") from error
    finally:
        if os.getpid() != process:
            os._exit(0)
        if folder is not None and _current_folder() != folder:
            os.chdir(folder)


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed


def _exit_code(error: SystemExit) -> str:
    return "" if error.code is None else repr(error.code)[:80]


def _described(error: Exception) -> str:
    """Returns the error's kind, its first line, and its place as `_place` gives it."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}{_place(error)}"


def _place(error: BaseException) -> str:
    """Returns `` (file, line 3)``: the deepest place in the user's own files, else of all."""
    frames = traceback.extract_tb(error.__traceback__)
    library = os.path.dirname(os.__file__)  # Python's own modules, argparse among them
    foreign = ("site-packages", "dist-packages", "<frozen", library, str(Path(__file__).parents[1]))
    own = [frame for frame in frames if not any(part in frame.filename for part in foreign)]
    chosen = (own or list(frames))[-1]
    return f" ({chosen.filename}, line {chosen.lineno})"

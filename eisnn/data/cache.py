"""Decoded images on disk, once per machine: all trials map the same files and share their memory.

A cache is a folder of ``.npy`` files, named by the dataset and a hash of the original files' names,
sizes and modification times. It lies in ``.eisnn`` in the data root if that can be written, else
under ``$XDG_CACHE_HOME`` (``~/.cache``). Deleting it is safe.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from filelock import FileLock

Arrays = dict[str, np.ndarray]

_VERSION = 2  # raised by any change in what a decoder makes of the same files


def decoded(
    name: str, files: Iterable[Path], home: Path | None, decode: Callable[[], Arrays]
) -> Arrays:
    """Returns ``decode()``'s arrays, memory-mapped; decodes only files that never were before.

    ``files`` are what is decoded; a folder stands for every file in it. ``home`` is the data root
    that they belong to, if any. The arrays are mapped copy-on-write: reading shares the pages with
    every other process, and writing does not reach the file.
    """
    key = f"{name}-{_fingerprint(files)}"
    parent = _writable(home)
    if parent is None:
        warnings.warn(
            f"no folder for decoded images can be written: every process decodes {name} (set"
            " XDG_CACHE_HOME)",
            stacklevel=2,
        )
        # copies, which can be written to, as mapped arrays can
        return {name: np.array(array) for name, array in decode().items()}
    folder = parent / key
    arrays = _load(folder)
    if arrays is not None:
        return arrays
    with FileLock(parent / f"{key}.lock"):
        arrays = _load(folder)
        if arrays is not None:  # another process made it meanwhile
            return arrays
        shutil.rmtree(folder, ignore_errors=True)  # damaged
        _save(decode(), folder)
    arrays = _load(folder)
    assert arrays is not None, f"{folder} was written and cannot be read"
    return arrays


def _fingerprint(files: Iterable[Path]) -> str:
    """Returns a hash of the files' names, sizes and times of change."""
    facts = [f"version {_VERSION}"]
    for path in files:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            status = file.stat()
            facts.append(f"{path.name}/{file.name} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _writable(home: Path | None) -> Path | None:
    """Returns the first folder that can be written, beside the data or in the user's cache; None if
    neither can."""
    places = [home / ".eisnn"] if home else []
    with contextlib.suppress(RuntimeError):  # no HOME and no entry in passwd
        places.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eisnn")
    for folder in places:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _load(folder: Path) -> Arrays | None:
    """Returns the arrays; None if the folder is missing or damaged."""
    try:
        arrays = {
            file.stem: np.load(file, mmap_mode="c", allow_pickle=False)
            for file in sorted(folder.glob("*.npy"))
        }
    except (OSError, ValueError, EOFError):
        return None
    return arrays or None


def _save(arrays: Arrays, folder: Path) -> None:
    """Writes all files or none, by writing them aside and renaming their folder."""
    aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        aside.chmod(0o755)
        for name, array in arrays.items():
            with open(aside / f"{name}.npy", "wb") as file:
                np.save(file, np.ascontiguousarray(array), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)

"""The files of a study's folder: writes them whole, checks them on reading, renames bad ones."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eisnn.files import write_whole

# The keys that each of the study's own files must have, with their types.
REQUIRED: dict[str, dict[str, Any]] = {
    "plan.json": {"arms": list},
    "command.json": {"sets": dict, "smoke": bool, "bases": dict, "name": str | None},
    "owner.json": {},
    "environment.json": {"key": str, "earlier": dict},
    "clock.json": {"seconds": int | float},
    "ending.json": {"budget": str | None},
}


class StoreError(RuntimeError):
    """The study's folder cannot be used; the message says what to do."""


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replaces the file with ``text`` in one step; ``durable`` waits until the disk has it."""
    write_whole(path, text.encode("utf-8"), durable=durable)


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Returns the mapping in ``path``; None if the file is missing, damaged, or lacks a key."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    required = REQUIRED.get(path.name, {})
    whole = all(isinstance(value.get(key), kind) for key, kind in required.items())
    return value if whole else None


def set_aside(path: Path) -> Path:
    """Renames a damaged file or folder to ``NAME.damaged-1``, or the next free number."""
    return rename(path, "damaged")


def set_unreadable_aside(folder: Path) -> list[Path]:
    """Renames the study's own files that cannot be read, and returns their new names."""
    paths = [folder / name for name in REQUIRED]
    return [set_aside(path) for path in paths if path.exists() and read_json(path) is None]


def move_aside(folder: Path) -> Path:
    """Renames the study's folder to ``NAME.old-1``, or the next free number, for ``--fresh``."""
    return rename(folder, "old")


def rename(path: Path, word: str) -> Path:
    number = 1
    while (target := path.with_name(f"{path.name}.{word}-{number}")).exists():
        number += 1
    os.replace(path, target)
    return target


def remove_leftovers(folder: Path) -> None:
    """Deletes the half-written files of killed processes. The caller holds the folder's lock."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@contextlib.contextmanager
def unmade(folder: Path, *errors: type[Exception]) -> Iterator[None]:
    """Removes empty folders that the block made, if it raises StoreError or one of ``errors``."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    expected: tuple[type[Exception], ...] = (StoreError, *errors)
    try:
        yield
    except expected:
        for path in new:
            with contextlib.suppress(OSError):  # a folder with a file stays
                path.rmdir()
        raise

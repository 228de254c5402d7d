"""Files that appear whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study import store


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Gives a temporary path with the same suffix; it replaces ``path`` if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces ``path`` by ``text`` in one step, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write_text(path, text, durable=False)

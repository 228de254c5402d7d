"""A study's ``log.txt``: messages of Ray, Optuna and ours that do not belong in the terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from study.search.storage import quiet

OURS = ("ray", "study")
LOGGERS = (*OURS, "optuna", "py.warnings", "alembic")


class _Log(logging.FileHandler):
    """Drops lines while the disk is full, instead of printing a traceback for each."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


@contextlib.contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Sends messages to ``path`` while the block runs, then restores the loggers.

    A link is replaced, not followed: a study's folder may come from a stranger.
    """
    if path.is_symlink():
        print(f"{path}: was a link to {path.readlink()}, which is left alone")
        path.unlink()
    captured = warnings.showwarning
    propagated = {name: logging.getLogger(name).propagate for name in LOGGERS}
    handler = _Log(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    quiet(handler)
    for name in OURS:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).propagate = False
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).propagate = propagated[name]
        if warnings.showwarning is not captured:
            logging.captureWarnings(False)
        with contextlib.suppress(OSError):
            handler.close()

"""Imports modules that Tune needs, while the driver waits for Ray's processes to start."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator

# Without Ray's own modules, which the main thread imports meanwhile: two threads that meet in a
# circle of imports see half a module.
MODULES = ("pandas", "pyarrow.compute", "pyarrow.fs", "pyarrow.parquet", "fsspec")


@contextlib.contextmanager
def imported_beside() -> Iterator[None]:
    """Imports them in another thread, and waits for it at the end of the block at the latest."""
    thread = threading.Thread(target=_import, name="imports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _import() -> None:
    for name in MODULES:
        with contextlib.suppress(ImportError):  # another version of Tune may do without it
            importlib.import_module(name)

"""Builds the C++ kernels once, before any worker needs them.

A separate process does it, so that the driver need not load torch.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator

from eisnn.kernels.cpu import build


@contextlib.contextmanager
def built(note: Callable[[str], None]) -> Iterator[Callable[[], str]]:
    """Starts the build if the library is missing, and notes it.

    Yields a function that waits for the build and returns the path that layers take.
    """
    if build.refused() is not None or build.library().exists():
        yield lambda: _words(build.refused())
        return
    note(build.BUILDING)
    process = subprocess.Popen(
        [sys.executable, build.__file__],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def wait() -> str:
        reason = process.communicate()[0].strip()
        if not reason and process.returncode:
            reason = f"their build ended with {process.returncode}"
        return _words(reason or None)

    try:
        yield wait
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _words(reason: str | None) -> str:
    if reason is None:
        return "C++ kernels"
    return f"plain path ({reason})"

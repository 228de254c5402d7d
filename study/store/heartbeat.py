"""A sign of life in owner.json, for file systems whose locks do not hold between machines.

Times are those of the file system itself, so clocks that differ do not matter.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

SECONDS = 10.0  # between two beats
SILENCE = 35.0  # a run without a beat for so long is dead


class Heartbeat:
    """Touches a file until it is stopped, in a thread of its own."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self.path = path
        self.seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._ended.wait(self.seconds):
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


def age(path: Path) -> float:
    """Returns how many seconds ago the file was touched, by its file system's clock."""
    with tempfile.NamedTemporaryFile(prefix=".now-", suffix=".tmp", dir=path.parent) as now:
        return os.stat(now.name).st_mtime - path.stat().st_mtime


def is_alive(path: Path, silence: float = SILENCE, step: float = 1.0) -> bool:
    """Watches for a beat; returns True at the first one, or False after ``silence`` seconds."""
    seen = path.stat().st_mtime_ns
    end = time.monotonic() + silence
    while time.monotonic() < end:
        time.sleep(step)
        if path.stat().st_mtime_ns != seen:
            return True
    return False

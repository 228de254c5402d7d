"""Renews the report's page while a study runs, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
EVERY = 60.0  # seconds from the end of one rendering to the start of the next
PATIENCE = 5.0  # seconds that a rendering gets to end when the study does


class LivePage:
    """Starts `python -m reports --quick` at most once in EVERY seconds, never two at a time.

    The process lowers its own priority. Its failures are ignored, since the command itself makes
    the report at the end.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.command = [sys.executable, "-m", "reports", str(folder.resolve()), "--quick"]
        self.clock = clock
        self.process: subprocess.Popen[bytes] | None = None
        self.idle_since = clock()

    def renew(self) -> None:
        """Starts a rendering if it is time for one."""
        if self.process is not None:
            if self.process.poll() is None:
                return
            self.process = None
            self.idle_since = self.clock()
        if self.clock() - self.idle_since >= EVERY:
            try:
                self.process = subprocess.Popen(
                    self.command,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError:
                self.idle_since = self.clock()  # the system has no memory or process to spare

    def stop(self) -> None:
        """Ends a running rendering, so that it cannot replace the final page."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextmanager
def live_page(folder: Path) -> Iterator[Callable[[], None]]:
    """Yields a function that renews the page if it is time; call it often."""
    page = LivePage(folder)
    try:
        yield page.renew
    finally:
        page.stop()

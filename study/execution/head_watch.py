"""A thread that sees the head of Ray's cluster die before Ray ends this process for it.

A call into Ray waits a minute for a head that is gone, and then Ray aborts the process with exit
code 1 and no advice. The thread interrupts the call instead.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from study.errors import RayLost
from study.execution.cluster import check_head, head_address
from study.execution.signals import Interruption

SECONDS = 2.0  # between two looks


@contextlib.contextmanager
def head_watch(interruption: Interruption, seconds: float = SECONDS) -> Iterator[None]:
    """Watches until the end of the block; interrupts the main thread with RayLost."""
    ended = threading.Event()
    address = head_address()

    def watch() -> None:
        while not ended.wait(seconds):
            try:
                check_head(address)
            except RayLost as lost:
                if not ended.is_set():
                    interruption.interrupt(lost)
                return

    thread = threading.Thread(target=watch, name="head-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()

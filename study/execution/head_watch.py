"""A thread that sees the head of Ray's cluster die before Ray ends this process for it.

A call into Ray waits a minute for a head that is gone, and then Ray aborts the process with exit
code 1 and no advice. The thread interrupts the call; where the call does not listen, it ends the
process itself. That loses nothing: what the study needs is on disk before each next step.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from study.errors import RayLost
from study.execution.cluster import check_head, head_address
from study.execution.signals import Interruption

SECONDS = 2.0  # between two looks
PATIENCE = 10.0  # seconds for the main thread to end the study in order
STOPPED = 3  # the exit code of a study that stopped before its end


def end_process(folder: Path) -> Callable[[RayLost], None]:
    """Returns what ends this process with the words of an ordered end."""

    def end(lost: RayLost) -> None:
        with contextlib.suppress(Exception):
            words = f"stopped: {lost}\ngo on with: python run_study.py --resume {folder}"
            print(words, file=sys.stderr, flush=True)
            sys.stdout.flush()
        os._exit(STOPPED)

    return end


@contextlib.contextmanager
def head_watch(
    interruption: Interruption,
    give_up: Callable[[RayLost], None],
    *,
    seconds: float = SECONDS,
    patience: float = PATIENCE,
) -> Iterator[None]:
    """Watches until the end of the block; interrupts the main thread with RayLost.

    ``give_up`` is called if that has not ended the block after ``patience`` seconds.
    """
    ended = threading.Event()
    address = head_address()

    def watch() -> None:
        while not ended.wait(seconds):
            try:
                check_head(address)
            except RayLost as lost:
                if ended.is_set():
                    return
                interruption.interrupt(lost)
                if not ended.wait(patience):
                    give_up(lost)
                return

    thread = threading.Thread(target=watch, name="head-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()

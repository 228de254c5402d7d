"""Watches the head of Ray's cluster, to notice its death before Ray aborts this process.

A call into Ray waits a minute for a dead head, and then Ray aborts the process with exit code 1 and
no advice. This thread interrupts the call, and ends the process itself if the call cannot be
interrupted. That loses nothing, since every step of a study is on disk before the next one.
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
    """Returns a function that ends this process with the message of an orderly stop."""

    def end(lost: RayLost) -> None:
        with contextlib.suppress(Exception):
            words = f"stopped: {lost}\nresume with: python run_study.py --resume {folder}"
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
    """Watches the head until the end of the block; if it dies, interrupts the main thread.

    The main thread gets RayLost. ``give_up`` is called if the block then does not end within
    ``patience`` seconds.
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

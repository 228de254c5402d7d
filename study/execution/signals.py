"""SIGINT and SIGTERM end a study in order."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from study.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def signals() -> Iterator[list[str]]:
    """Turns a signal into Stopped; a second one, while the study ends, is ignored.

    Python allows handlers in the main thread only: in another one, signals stay their caller's.
    """
    received: list[str] = []
    before = {name: signal.getsignal(name) for name in SIGNALS}
    listen(received)
    try:
        yield received
    except Stopped:
        raise
    except KeyboardInterrupt:  # Ray's own, in place of ours: its native code saw the signal
        raise Stopped(received[0] if received else "SIGINT") from None
    finally:
        if _in_main_thread():
            for name, handler in before.items():
                signal.signal(name, handler)


def listen(received: list[str]) -> None:
    """Puts handlers that note the signal's name in ``received`` and raise Stopped."""
    if not _in_main_thread():
        return

    def stop(number: int, frame: Any) -> None:
        received.append(signal.Signals(number).name)
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        raise Stopped(received[0])

    for name in SIGNALS:
        signal.signal(name, stop)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()

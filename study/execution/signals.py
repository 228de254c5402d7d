"""Ends a study in order on SIGINT and SIGTERM, or when another thread finds that it must end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from study.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns signals into Stopped, raised in the main thread even while a call waits.

    Python allows handlers in the main thread only, so a study in another thread leaves signals to
    its caller.
    """

    def __init__(self) -> None:
        self.cause: Stopped | None = None
        self._is_held = False

    def listen(self) -> None:
        """Puts our handlers in place; after the first signal, the next ones are ignored."""
        if _in_main_thread():
            for number in SIGNALS:
                signal.signal(number, self._stop)

    def interrupt(self, cause: Stopped) -> None:
        """Raises ``cause`` in the main thread; call it from another thread."""
        if self.cause is None:
            self.cause = cause
            ident = threading.main_thread().ident
            assert ident is not None
            signal.pthread_kill(ident, signal.SIGINT)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Delays signals until the end of the block, which thus runs as a whole."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        self.check()

    def check(self) -> None:
        """Raises the cause of a signal that could not raise it at once.

        Either signals were held, or the handler ran in a finalizer, whose exceptions Python drops.
        """
        if self.cause is not None:
            raise self.cause

    def _stop(self, number: int, frame: Any) -> None:
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        if self.cause is None:
            self.cause = Stopped(signal.Signals(number).name)
        if not self._is_held:
            raise self.cause


@contextlib.contextmanager
def interruption() -> Iterator[Interruption]:
    """Listens for signals until the end of the block, then restores the caller's handlers."""
    found = Interruption()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    found.listen()
    try:
        yield found
    except Stopped:
        raise
    except KeyboardInterrupt:  # raised by Ray, whose native code saw the signal first
        raise found.cause or Stopped("SIGINT") from None
    finally:
        if _in_main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()

"""SIGINT and SIGTERM end a study in order; so does another thread that finds it cannot go on."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from study.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns signals into Stopped, raised in the main thread, also out of a call that waits.

    Python allows handlers in the main thread only: in another one, signals stay their caller's.
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
        """Raises ``cause`` in the main thread; called by another one."""
        if self.cause is None:
            self.cause = cause
            ident = threading.main_thread().ident
            assert ident is not None
            signal.pthread_kill(ident, signal.SIGINT)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Lets signals wait until the end of the block, which so happens wholly or not at all."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        self.check()

    def check(self) -> None:
        """Raises what a signal asked for and did not get.

        It was held, or the handler ran in a finalizer, whose exceptions Python drops.
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
    """Listens for signals until the end of the block, and puts the caller's handlers back."""
    found = Interruption()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    found.listen()
    try:
        yield found
    except Stopped:
        raise
    except KeyboardInterrupt:  # Ray's own, in place of ours: its native code saw the signal
        raise found.cause or Stopped("SIGINT") from None
    finally:
        if _in_main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()

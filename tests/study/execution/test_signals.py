"""Signals that become an ordered end: real signals in this process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from study.errors import Stopped
from study.execution.signals import SIGNALS, interruption


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_and_the_next_ones_are_ignored(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]

    def study() -> None:
        with interruption():
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)  # while the study ends

    with pytest.raises(Stopped, match=number.name):
        study()
    assert [signal.getsignal(one) for one in SIGNALS] == before


def test_a_signal_waits_for_the_end_of_what_is_held() -> None:
    done = []

    def study() -> None:
        with interruption() as found:
            with found.held():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
                done.append("whole")
            done.append("more")

    with pytest.raises(Stopped, match="SIGTERM"):
        study()
    assert done == ["whole"]


def test_a_signal_that_a_finalizer_swallowed_is_raised_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python runs handlers wherever it is, and drops what is raised in ``__del__``."""
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: dropped.append(found.exc_type))

    class Handle:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with interruption() as found:
        handle = Handle()
        del handle
        assert dropped == [Stopped]
        with pytest.raises(Stopped, match="SIGINT"):
            found.check()


def test_rays_own_interrupt_counts_as_one() -> None:
    with pytest.raises(Stopped, match="SIGINT"), interruption():
        raise KeyboardInterrupt


def test_in_another_thread_signals_stay_their_callers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def study() -> None:
        with interruption() as found:
            found.listen()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=study)
    thread.start()
    thread.join()
    assert seen == [before]

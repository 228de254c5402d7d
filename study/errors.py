"""Ends of a run before its plan is done."""

from __future__ import annotations

from study import store


class Stopped(KeyboardInterrupt):
    """The study has to end before its plan does; the text says why.

    It is not an Exception, so that nothing in Ray treats it as a trial's fault.
    """


class RayLost(Stopped):
    """Ray's own processes died; a fresh Ray can go on."""


def full(error: BaseException) -> Stopped | None:
    """Stopped, if the error means that a disk is full."""
    if not store.is_full(error):
        return None
    return Stopped(f"the disk is full ({error}); make room and repeat the command")

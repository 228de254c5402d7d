"""Exceptions that end a run before its plan is done."""

from __future__ import annotations

from pathlib import Path

from study import store

# SQLite's messages about a database that cannot be used now -> what to do about it.
DATABASE = {
    "database is locked": "close the program that holds it",
    "attempt to write a readonly database": "make it writable",
    "unable to open database file": "make its folder readable and writable",
    "disk i/o error": "see to the disk, or move the study's folder to another one",
}


class Stopped(KeyboardInterrupt):
    """The study has to end before its plan does; the text says why.

    It is not an Exception, so that nothing in Ray treats it as a trial's fault.
    """


class RayLost(Stopped):
    """Ray's own processes died; a fresh Ray can go on."""


def of_the_disk(error: BaseException) -> Stopped | None:
    """Returns Stopped if the error means that a disk is full or broken, else None."""
    trouble = store.disk_trouble(error)
    if trouble is None:
        return None
    return Stopped(f"{trouble.what} ({error}); {trouble.advice} and repeat the command")


def outside(error: BaseException, folder: Path) -> Stopped | None:
    """Returns Stopped if the surroundings caused the error, and None if our code did."""
    if not (folder / "plan.json").exists():
        return Stopped(
            f"{folder} was moved or removed while its study ran; nothing is written there"
        )
    words = f"{error} {error.__cause__}".lower()
    for said, advice in DATABASE.items():
        if said in words:
            return Stopped(f"{folder / 'optuna.db'}: {said}; {advice}, and repeat the command")
    return of_the_disk(error)

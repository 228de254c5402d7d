"""Tells from an error whether a disk is full or broken."""

from __future__ import annotations

import errno
from dataclasses import dataclass


@dataclass(frozen=True)
class Trouble:
    """A trouble with a disk: how to know its errors, and what to do about it."""

    cause: str  # the cause of a failed trial, in one word
    what: str
    numbers: tuple[int, ...]
    words: tuple[str, ...]  # of SQLite and torch, which keep no error number
    advice: str

    def is_meant(self, error: BaseException) -> bool:
        text = str(error).lower()
        said = any(words in text for words in self.words)
        return said or getattr(error, "errno", None) in self.numbers


FULL = Trouble(
    "disk_full",
    "the disk is full",
    (errno.ENOSPC, errno.EDQUOT),
    ("disk is full", "no space left"),
    "make room",
)
BROKEN = Trouble(
    "disk_broken",
    "the disk does not work",
    (errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV),
    ("disk i/o error", "input/output error"),
    "see to the disk, or move the study's folder to another one,",
)
TROUBLES = (FULL, BROKEN)


def disk_trouble(error: BaseException | None) -> Trouble | None:
    """Returns the trouble that an error, or one of its causes, reports; None if it is another."""
    while error is not None:
        for trouble in TROUBLES:
            if trouble.is_meant(error):
                return trouble
        error = error.__cause__
    return None

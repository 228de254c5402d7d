"""What an error says of a disk, however it is wrapped."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from study.store.disks import BROKEN, FULL, Trouble, disk_trouble


def wrapped(error: Exception) -> Exception:
    try:
        raise RuntimeError("the storage failed") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FULL),
        (RuntimeError("PytorchStreamWriter failed: No space left on device"), FULL),
        (OSError(errno.EIO, "Input/output error", "plan.json"), BROKEN),
        (OSError(errno.EROFS, "Read-only file system"), BROKEN),
        (OSError(errno.ESTALE, "Stale file handle"), BROKEN),
        (sqlite3.OperationalError("disk I/O error"), BROKEN),
        (OSError(errno.ENOENT, "No such file or directory"), None),
        (ValueError("else"), None),
    ],
)
def test_each_error_is_told_apart(error: Exception, trouble: Trouble | None) -> None:
    assert disk_trouble(error) is trouble
    assert disk_trouble(wrapped(error)) is trouble

"""Temporary folders of runs, for Ray's sockets, logs and objects. Nothing in them is kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "eisnn-ray-"
# After so many seconds, a folder that nobody holds belongs to a killed run: Ray's own processes
# outlive a run by a minute at most.
SETTLED = 90.0

RAYS_OWN = "r"  # Ray opens its folder to everyone, so we give it one inside ours
SOCKET_PATH_BYTES = 107  # the most that the operating system takes
BELOW_ROOT = (
    f"/{PREFIX}12345678/{RAYS_OWN}/session_2026-01-01_00-00-00_123456_1234567/sockets/plasma_store"
)
SHORT_ROOTS = ("/tmp", "/var/tmp", "/dev/shm")


def root() -> Path:
    """Returns the parent of temporary folders: TMPDIR, or a shorter path if TMPDIR is too long.

    Batch systems give each job a TMPDIR of its own, which is often too long for Ray's sockets.

    Raises:
        OSError: no place has room for a socket's path.
    """
    given = Path(tempfile.gettempdir())
    longest = SOCKET_PATH_BYTES - len(BELOW_ROOT)
    if len(os.fsencode(given)) <= longest:
        return given
    for name in SHORT_ROOTS:
        if os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    raise OSError(
        f"TMPDIR={given} is longer than the {longest} bytes that leave room for Ray's sockets, "
        f"and none of {', '.join(SHORT_ROOTS)} can be written; set a shorter TMPDIR"
    )


def create() -> tuple[Path, FileLock]:
    """Makes a folder; while this process lives, the lock tells other runs that it is in use."""
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root()))
    lock = FileLock(path / ".lock")
    lock.acquire(timeout=0)
    return path, lock


def clear() -> None:
    """Removes the folders that killed runs of this user, of any study, have left on this machine.

    Leaves folders without a lock file alone, since it cannot know whether they are in use.
    """
    for place in {root(), Path(tempfile.gettempdir())}:
        for lock in place.glob(f"{PREFIX}*/.lock"):
            path = lock.parent
            with contextlib.suppress(OSError, Timeout):
                status = path.stat()
                old = time.time() - status.st_mtime > SETTLED
                if status.st_uid == os.getuid() and old:
                    with FileLock(lock).acquire(timeout=0):
                        shutil.rmtree(path, ignore_errors=True)

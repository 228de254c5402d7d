"""Locks: one run per study, one process per trial, and temporary folders that are in use.

The operating system frees a lock when its process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

from study.store.files import StoreError, now, read_json, write_json

TEMPORARY = "eisnn-ray-"  # how the temporary folders of runs begin

# Ray's own processes outlive a killed run by a minute at most, so a folder that nobody has held
# for this many seconds is free to be removed.
SETTLED = 90.0
PATIENCE = 120.0  # seconds for which a trial waits for an orphan of a killed run


def lock_study(folder: Path) -> FileLock:
    """Takes the study's lock, and writes its holder into ``owner.json``.

    Raises:
        StoreError: another run holds it; the message names its user, host, process and start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", mode=0o664)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner = read_json(folder / "owner.json") or {}
        user, host = owner.get("user", "someone"), owner.get("host", "an unknown host")
        since = owner.get("since", "an unknown time")
        raise StoreError(
            f"{folder}: another run of this study is going on: "
            f"{user} on {host} (process {owner.get('pid', '?')}), since {since}. "
            "Wait for it or stop it; reports may be made meanwhile: "
            f"python -m reports {folder}"
        ) from None
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or str(os.getuid())
    owner = {"user": user, "host": socket.gethostname(), "pid": os.getpid(), "since": now()}
    write_json(folder / "owner.json", owner)
    return lock


def lock_trial(folder: Path, patience: float) -> FileLock:
    """Takes a trial folder's lock; an orphan of a killed run may hold it for a few seconds.

    Raises:
        StoreError: it is still held after ``patience`` seconds.
    """
    lock = FileLock(folder / ".lock", mode=0o664)
    try:
        lock.acquire(timeout=patience, poll_interval=0.1)
    except Timeout:
        raise StoreError(
            f"{folder}: another process still trains this trial after {patience:.0f} s of waiting"
        ) from None
    return lock


def temporary_folder() -> tuple[Path, FileLock]:
    """A new temporary folder, and the lock that marks it as in use while this process lives."""
    path = Path(tempfile.mkdtemp(prefix=TEMPORARY))
    lock = FileLock(path / ".lock")
    lock.acquire(timeout=0)
    return path, lock


def clear_temporary() -> None:
    """Removes the temporary folders that killed runs of this user left on this machine.

    A folder without a lock file stays: nothing says whether it is in use.
    """
    for lock in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*/.lock"):
        path = lock.parent
        with contextlib.suppress(OSError, Timeout):
            status = path.stat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > SETTLED:
                with FileLock(lock).acquire(timeout=0):
                    shutil.rmtree(path, ignore_errors=True)

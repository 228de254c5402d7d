"""Locks: one run per study, one process per trial.

The operating system frees a lock when its process ends, however it ends.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from study.store.files import StoreError, now, read_json, write_json
from study.store.links import user_name

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
    user = user_name()
    owner = {"user": user, "host": socket.gethostname(), "pid": os.getpid(), "since": now()}
    write_json(folder / "owner.json", owner)
    return lock


def lock_trial(folder: Path, patience: float) -> FileLock:
    """Takes a trial folder's lock; an orphan of a killed run may hold it for a few seconds.

    Raises:
        StoreError: it is still held after ``patience`` seconds.
    """
    if not folder.is_dir():
        raise StoreError(f"{folder}: is gone")  # the lock would make it again
    lock = FileLock(folder / ".lock", mode=0o664)
    try:
        lock.acquire(timeout=patience, poll_interval=0.1)
    except Timeout:
        raise StoreError(
            f"{folder}: another process still trains this trial after {patience:.0f} s of waiting"
        ) from None
    return lock

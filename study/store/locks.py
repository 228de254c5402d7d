"""Locks: one run per study, one process per trial.

The operating system frees a lock when its process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from study.store.files import StoreError, now, read_json, write_json
from study.store.heartbeat import SILENCE, Heartbeat, age, is_alive
from study.store.links import user_name

HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK)  # the errors of a lock that is held
PATIENCE = 120.0  # seconds for which a trial waits for an orphan of a killed run


class StudyLock:
    """A study's lock while this process runs it, with a sign of life for other machines.

    ``note`` is a message about an earlier run that died on another machine, if there was one.
    """

    def __init__(self, lock: FileLock, owner: Path, note: str | None) -> None:
        self.note = note
        self._lock = lock
        self._owner = owner
        self._heartbeat = Heartbeat(owner)

    def release(self) -> None:
        """Frees the study, and records in owner.json that its run has ended."""
        self._heartbeat.stop()
        record = read_json(self._owner)
        if record is not None and record.get("pid") == os.getpid():
            with contextlib.suppress(OSError):
                write_json(self._owner, {**record, "ended": now()})
        self._lock.release()


def lock_study(folder: Path) -> StudyLock:
    """Takes the study's lock, and writes its holder into ``owner.json``.

    Raises:
        StoreError: another run holds it (the message names its user, host, process and start), or
            the file system has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = _file_lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _going_on(folder) from None
    try:
        note = _check_owner(folder)
    except BaseException:
        lock.release()
        raise
    user = user_name()
    owner = {"user": user, "host": socket.gethostname(), "pid": os.getpid(), "since": now()}
    write_json(folder / "owner.json", owner)
    return StudyLock(lock, folder / "owner.json", note)


def check_free(folder: Path) -> None:
    """Raises StoreError if another run of this machine holds the study. Changes nothing."""
    path = folder / ".lock"
    if path.is_symlink() or not path.is_file():
        return
    lock = _file_lock(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _going_on(folder) from None
    lock.release()


def _going_on(folder: Path) -> StoreError:
    owner = read_json(folder / "owner.json") or {}
    user, host = owner.get("user", "someone"), owner.get("host", "an unknown host")
    since = owner.get("since", "an unknown time")
    return StoreError(
        f"{folder}: another run of this study is going on: "
        f"{user} on {host} (process {owner.get('pid', '?')}), since {since}. "
        "Wait for it or stop it; you can make reports meanwhile: "
        f"python -m reports {folder}"
    )


def _check_owner(folder: Path) -> str | None:
    """Returns a message about a run that died on another machine; None if there was none.

    Raises:
        StoreError: that run is alive, although its lock did not stop us. On some file systems
            (sshfs, NFS with nolock) each machine has its own locks.
    """
    path = folder / "owner.json"
    owner = read_json(path) or {}
    if "ended" in owner or owner.get("host", socket.gethostname()) == socket.gethostname():
        return None
    if age(path) < 2 * SILENCE and is_alive(path):
        raise _going_on(folder)
    return (
        f"the earlier run, by {owner.get('user', 'someone')} on {owner['host']} (process "
        f"{owner.get('pid', '?')}), gives no sign of life; this run continues the study"
    )


def _file_lock(folder: Path) -> FileLock:
    """Returns the folder's lock.

    Raises:
        StoreError: the file system has no locks.
    """
    path = folder / ".lock"
    new = not path.exists()
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o664)
    try:
        if os.fstat(number).st_uid == os.getuid():
            os.fchmod(number, 0o664)  # a study may be a group's, whatever the umask
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in HELD:
            if new:
                path.unlink(missing_ok=True)
            raise StoreError(
                f"{path}: this file system has no locks ({error.strerror}), and without them two "
                "runs could write to the same study; mount it with locks (NFS: without nolock; "
                "Lustre: -o flock), or give another --results"
            ) from None
    finally:
        os.close(number)
    return FileLock(path, mode=0o664)


def lock_trial(folder: Path, patience: float) -> FileLock:
    """Takes a trial folder's lock; an orphan of a killed run may hold it for a few seconds.

    Raises:
        StoreError: it is still held after ``patience`` seconds.
    """
    if not folder.is_dir():
        raise StoreError(f"{folder}: is gone")  # the lock would make it again
    lock = _file_lock(folder)
    try:
        lock.acquire(timeout=patience, poll_interval=0.1)
    except Timeout:
        raise StoreError(
            f"{folder}: another process still trains this trial after {patience:.0f} s of waiting"
        ) from None
    return lock


def is_held(folder: Path) -> bool:
    """Returns whether another process holds a trial folder's lock."""
    try:
        lock_trial(folder, 0.0).release()
    except StoreError:
        return folder.is_dir()
    return False

"""Ray's start and end: processes of our own with their temporary folder, or a cluster that is there; signals that end a study."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study import store
from study.limits import Stopped
from study.spec import Resources

SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_failure_threshold": "20",  # a busy machine is not a dead one
    "RAY_health_check_timeout_ms": "30000",
    "RAY_memory_monitor_refresh_ms": "0",  # the monitor's kill ends a whole run; limits are per trial instead
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
    # glibc returns large blocks to the system and faults them in again at every operation: a threefold cost on the CPU
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}
# A Ray of our own listens on loopback only (the variable is Ray's switch for laptops, in spite of its name; every port obeys it)
LOCAL_SETTINGS = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
WORKER_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def session(folder: Path, resources: Resources, address: str | None) -> Iterator[Path]:
    """Ray of our own with its temporary folder, or the cluster at ``address``; ended and cleaned up in any case."""
    threads = str(max(1, int(resources.cpu)))
    os.environ.update({**SETTINGS, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads})
    if not address:
        os.environ.update(LOCAL_SETTINGS)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # never in a file: Ray's own is readable by everyone
    import ray

    temporary = Path(tempfile.mkdtemp(prefix="eisnn-ray-"))
    leftovers = store.note_temporary(folder, temporary)
    options: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    if address:
        variables = {name: os.environ[name] for name in WORKER_SETTINGS}
        options.update(address=address, runtime_env={"env_vars": variables})
    else:
        options.update(address="local", include_dashboard=False, _temp_dir=str(temporary), object_store_memory=128 * 2**20)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        ray.init(**options)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        yield temporary
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            ray.shutdown()
        for path in [temporary, *leftovers]:
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            store.note_temporary(folder, None)


def clear(folder: Path) -> None:
    """Removes the temporary folders that killed runs of this study have left, where there is nothing more to run."""
    for path in store.note_temporary(folder, None):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def signals() -> Iterator[list[str]]:
    """SIGINT and SIGTERM end the study cleanly; a second one while it ends is ignored."""
    before = {name: signal.getsignal(name) for name in SIGNALS}
    received: list[str] = []
    listen(received)
    try:
        yield received
    except Stopped:
        raise
    except KeyboardInterrupt:  # Ray's own, in place of ours: its native code saw the signal
        raise Stopped(received[0] if received else "SIGINT") from None
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def listen(received: list[str]) -> None:
    def stop(number: int, frame: Any) -> None:
        received.append(signal.Signals(number).name)
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        raise Stopped(received[0])

    for name in SIGNALS:
        signal.signal(name, stop)

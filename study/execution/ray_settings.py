"""Environment variables that Ray, Tune and worker processes read, set for a session only."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Workers use the command's working folder, so that relative paths mean the same in both.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    # Tune sets variables for its workers, so a worker that was started before would not be used.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # A busy machine is not a dead one.
    "RAY_health_check_failure_threshold": "20",
    "RAY_health_check_timeout_ms": "30000",
    # A machine that is cut off is noticed within a minute instead of five.
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
    # The memory monitor would kill a whole run; we limit each trial instead.
    "RAY_memory_monitor_refresh_ms": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Frees the slot of an unreachable worker after seconds instead of ten minutes.
    "TUNE_FORCE_TRIAL_CLEANUP_S": "20",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
    # By default glibc returns large blocks to the system and faults them in again at every
    # operation, which triples the time on the CPU.
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}

LOCAL_SETTINGS = {
    # Makes our own Ray listen on loopback only. In spite of its name, the variable works on Linux,
    # for every port.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    # Ray connects to its object store as it starts that, and by default tries again after 1 s.
    "RAY_raylet_client_connect_timeout_milliseconds": "100",
    "RAY_raylet_client_num_connect_attempts": "100",
}

WORKER_SETTINGS = (
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAY_CHDIR_TO_TRIAL_DIR",
)


@functools.cache
def token() -> str:
    """Returns this process's secret, which every process of its Ray must present.

    It is never written to a file, since everyone can read Ray's own. All sessions of a process
    share it, since Ray reads it only once.
    """
    return secrets.token_hex(32)


# Tries a head that answers but refuses us (another token, another program) once, for forty seconds
# instead of a quarter of an hour.
CLUSTER_SETTINGS = {"RAY_NUM_REDIS_GET_RETRIES": "1"}


def for_session(cpu: float, address: str | None) -> dict[str, str]:
    """Returns the variables of a session whose trials get ``cpu`` CPUs each."""
    threads = str(max(1, int(cpu)))
    settings = {**SETTINGS, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    if address:
        settings.update(CLUSTER_SETTINGS)
    else:
        settings.update(LOCAL_SETTINGS)
        settings["RAY_AUTH_TOKEN"] = os.environ.get("RAY_AUTH_TOKEN") or token()
    return settings


def for_workers() -> dict[str, str]:
    """Returns the variables that workers on other machines take over from this process."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in WORKER_SETTINGS or name.startswith("EISNN_")
    }


def missing_identity(home: Path) -> dict[str, str]:
    """Returns a name and a home for a user without them, as in containers, since Ray needs both."""
    try:
        Path.home()
        getpass.getuser()
    except (RuntimeError, KeyError, OSError):
        return {"HOME": str(home), "LOGNAME": f"user-{os.getuid()}"}
    return {}


@contextlib.contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Sets variables, and at the end restores all of the process's variables, Ray's too."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)

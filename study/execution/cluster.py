"""Ray's start and end: processes of our own with their temporary folder, or a cluster that is there; signals that end a study."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eisnn.config.yaml_file import ConfigError
from eisnn.kernels.cpu import build
from study import store
from study.agenda.limits import RayLost, Stopped
from study.spec.models import Resources

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
WORKER_SETTINGS = (
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
)
QUIET: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def session(resources: Resources, address: str | None) -> Iterator[Path]:
    """Ray of our own, or the cluster at ``address``, and a temporary folder; ended and cleaned up in any case.

    Raises:
        ConfigError: no cluster of ours is there.
    """
    threads = str(max(1, int(resources.cpu)))
    os.environ.update({**SETTINGS, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads})
    if not address:
        os.environ.update(LOCAL_SETTINGS)
        os.environ.setdefault(
            "RAY_AUTH_TOKEN", secrets.token_hex(32)
        )  # never in a file: Ray's own is readable by everyone
        build.share_compiled()  # importing torch makes a folder for it, else in /tmp
    import ray

    temporary, lock = store.temporary_folder()
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        _join(address) if address else _start(temporary)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        yield temporary
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            ray.shutdown()
        lock.release()
        shutil.rmtree(temporary, ignore_errors=True)
        store.clear_temporary()


def _start(temporary: Path) -> None:
    import ray

    own = {
        "include_dashboard": False,
        "_temp_dir": str(temporary),
        "object_store_memory": 128 * 2**20,
    }
    try:
        ray.init(address="local", **own, **QUIET)
    except (
        Exception
    ) as error:  # Ray gives its processes 30 s, which a machine with much else to do may not hold
        raise RayLost(f"Ray did not start: {' '.join(str(error).split())[:200]}") from error


def _join(address: str) -> None:
    import ray

    host, colon, port = address.rpartition(":")
    if (
        colon and port.isdecimal() and "/" not in host
    ):  # Ray itself would try for more than a minute
        try:
            _knock(host, port, 10.0)
        except (OSError, OverflowError) as error:
            raise _no_cluster(address, str(error)) from None
    variables = {
        name: value
        for name, value in os.environ.items()
        if name in WORKER_SETTINGS or name.startswith("EISNN_")
    }
    try:
        ray.init(address=address, runtime_env={"env_vars": variables}, **QUIET)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise _no_cluster(address, " ".join(str(error).split())[:300]) from None


def _no_cluster(address: str, why: str) -> ConfigError:
    return ConfigError(
        f"--address {address}: no Ray cluster can be joined there: {why}; "
        "start one with 'ray start --head', and set the same RAY_AUTH_MODE and token for it and for this command (docs/clusters.md)"
    )


def check_head() -> None:
    """Raises RayLost if the process that holds Ray's cluster together is gone: any further call would wait for it for a minute, and
    Ray would then end this process."""
    import ray

    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    try:
        _knock(host, port, 30.0)
    except OSError as error:
        raise RayLost(
            f"the head of Ray's cluster at {host}:{port} does not answer ({error})"
        ) from None


def _knock(host: str, port: str, seconds: float) -> None:
    """Raises OSError where nobody listens."""
    socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()


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

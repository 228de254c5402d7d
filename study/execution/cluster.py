"""Starts and ends Ray: processes of our own with a temporary folder, or a cluster to join."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eisnn.errors import ConfigError
from eisnn.imports import uncollected
from eisnn.kernels.cpu import build
from study.errors import RayLost
from study.execution.few_processes import few_processes
from study.execution.gpus import Mps, visible_parts
from study.execution.ray_settings import (
    environment,
    for_session,
    for_workers,
    missing_identity,
)
from study.forecast import machine
from study.spec.models import Resources
from study.store import temporary

QUIET: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}
OBJECT_STORE_BYTES = 128 * 2**20
MEMORY_FOR_TRIALS = 0.8  # of what control groups allow; the rest is for the driver and for Ray


@dataclass(frozen=True)
class RaySession:
    """What belongs to a session: its temporary folder, and MPS for its GPUs."""

    folder: Path
    mps: Mps


@contextlib.contextmanager
def session(
    resources: Resources, address: str | None, note: Callable[[str], None] = lambda _: None
) -> Iterator[RaySession]:
    """Starts a Ray of our own or joins the cluster at ``address``.

    At the end, Ray has stopped, variables and loggers are restored, and the folder is removed.

    Raises:
        ConfigError: there is no such cluster, or this process already uses Ray.
        RayLost: Ray did not start.
    """
    with environment(for_session(resources.cpu, address)), _quiet_loggers():
        if not address:
            # Importing torch makes a folder for compiled code, which would otherwise be in /tmp.
            build.share_compiled()
        with uncollected():
            import ray
            import ray.tune  # before Ray's own processes need every core

        check_process()
        folder, lock = temporary.create()
        os.environ.update(missing_identity(folder))
        mps = Mps(folder, note, possible=address is None)
        if not address:
            os.environ.update(visible_parts() | mps.variables())
        print_to_stdstream = _silence(lambda *_, **__: None)
        try:
            if address:
                _join(address)
            else:
                _start(folder)
            logging.getLogger("ray").setLevel(logging.CRITICAL)
            yield RaySession(folder, mps)
        finally:
            with contextlib.suppress(KeyboardInterrupt):
                ray.shutdown()
            _silence(print_to_stdstream)
            mps.end()
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
            temporary.clear()


@contextlib.contextmanager
def _quiet_loggers() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("ray", "ray.tune")]
    levels = [logger.level for logger in loggers]
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _silence(instead: Callable[..., None]) -> Callable[..., None]:
    """Replaces the function that prints the errors of Ray's processes; returns the one before.

    Ray's own colours them even in a file, and prints a machine's whole log when the machine ends.
    """
    from ray._private import worker

    before: Callable[..., None] = worker.print_to_stdstream
    worker.print_to_stdstream = instead
    return before


def _start(folder: Path) -> None:
    import ray

    own = {
        "num_cpus": machine.cpus(),
        "include_dashboard": False,
        "_temp_dir": str(folder / temporary.RAYS_OWN),
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    memory = machine.memory_bytes()
    if memory < machine.physical_bytes():  # Ray does not see nested control groups
        own["_memory"] = int(MEMORY_FOR_TRIALS * memory)
    try:
        with few_processes():
            ray.init(address="local", **own, **QUIET)
    except Exception as error:
        # Ray gives its processes 30 s to start, which may be too short on a busy machine.
        raise RayLost(f"Ray did not start: {' '.join(str(error).split())[:200]}") from error


def _join(address: str) -> None:
    import ray

    check_address(address)
    try:
        ray.init(address=address, runtime_env={"env_vars": for_workers()}, **QUIET)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise _no_cluster(address, " ".join(str(error).split())[:300]) from None


# ---- checks that start nothing ------------------------------------------------------------------


def check_process() -> None:
    """Raises ConfigError if this process uses Ray already, since our session would end that too."""
    import ray

    if ray.is_initialized():
        raise ConfigError(
            "Ray is in use in this process, and a study starts and ends its own: "
            "run it as a command of its own (in a notebook: !python run_study.py --space ...), "
            "or call ray.shutdown() first"
        )


def check_address(address: str) -> None:
    """Raises ConfigError if nothing listens at ``address``; Ray would try for over a minute."""
    if "://" in address:
        raise _no_cluster(address, "it is an address of Ray's client; give HOST:PORT of the head")
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        _knock(host, port, 10.0)
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, why: str) -> ConfigError:
    if os.environ.get("RAY_ADDRESS") == address:
        given = f"RAY_ADDRESS={address} (in the environment; --address local ignores it)"
    else:
        given = f"--address {address}"
    return ConfigError(
        f"{given}: no Ray cluster can be joined there: {why}; start one with 'ray start --head', "
        "and set the same RAY_AUTH_MODE and token for it and for this command (docs/clusters.md)"
    )


def head_address() -> str:
    """Returns the address of the process that holds Ray's cluster together."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def check_head(address: str) -> None:
    """Raises RayLost if nothing listens at the head's address."""
    host, _, port = address.rpartition(":")
    try:
        _knock(host, port, 30.0)
    except OSError as error:
        raise RayLost(
            f"the head of Ray's cluster at {host}:{port} does not answer ({error})"
        ) from None


def _knock(host: str, port: str, seconds: float) -> None:
    """Raises OSError if nobody listens there."""
    socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()

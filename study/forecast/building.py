"""Tries whether a study's networks can be built, its data read, and trials begin.

Also counts the bytes of the weights.

This needs torch, some 500 MB that the driver would hold for the whole study. So unless torch is
loaded already, a process of its own does it while the study starts.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from eisnn.config.trial import TrialConfig
from eisnn.config.user_code import UserCodeError
from eisnn.errors import ConfigError
from eisnn.imports import uncollected
from study.forecast import machine
from study.plan import Arm, Plan

if TYPE_CHECKING:
    from eisnn.data.loading import Dataset

UNKNOWN = 40 * 2**20  # bytes of weights that cannot be counted beforehand: ten million in float32
# Parameters that change what is built, or whether it suits the data.
SHAPING = ("model.", "circuit.ei_ratio", "train.loss")


@dataclass(frozen=True)
class Candidate:
    """A network that some arm may train: at the config's own values, or with some of its space."""

    arm: str
    config: TrialConfig
    values: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What to try."""

    candidates: list[Candidate]
    metrics: dict[str, str]
    download: bool
    memory: int | None  # bytes that the machine has; None where trials run on others


@dataclass(frozen=True)
class Report:
    """The findings: the bytes of one copy of each arm's weights, and the problems."""

    sizes: dict[str, int]
    problems: list[str]


def begin(plan: Plan, *, download: bool = True, here: bool = True) -> Callable[[], dict[str, int]]:
    """Begins to try the networks and the data; returns a function that waits for the sizes.

    ``download`` says whether a missing dataset may be fetched, and ``here`` that trials run on this
    machine. The process that tries them ends once the returned function is gone, so that a study
    that is stopped does not wait for a download.

    Raises (in the returned function):
        ConfigError: something cannot be built or read; one line per cause.
    """
    task = Task(
        [candidate for arm in plan.arms for candidate in _candidates(arm)],
        {name: metric.function for name, metric in plan.spec.metrics.items()},
        download,
        machine.memory_bytes() if here else None,
    )
    if "torch" in sys.modules:
        return lambda: _sizes(_try(task), plan.where)
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(sender, task), daemon=True)
    process.start()
    sender.close()
    weakref.finalize(receiver, process.terminate)

    @functools.cache
    def report() -> Report:
        try:
            told: Report = receiver.recv()
        except EOFError:
            process.join()
            raise ConfigError(
                f"{plan.where}: the process that tries the networks ended with "
                f"{process.exitcode}, and did not say why; -9 is a lack of memory"
            ) from None
        return told

    return lambda: _sizes(report(), plan.where)


def _tell(sender: Connection, task: Task) -> None:
    """Tries the task and sends the report. Ignores Ctrl-C: the command ends this process itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_command, daemon=True).start()
    try:
        with uncollected():
            import eisnn.training.beforehand  # noqa: F401
        report = _try(task)
    except Exception as error:
        report = Report({}, [f"the networks cannot be tried: {type(error).__name__}: {error}"])
    sender.send(report)


def _end_with_the_command() -> None:
    """Ends this process when the command is gone, even if a SIGKILL ended it."""
    command = parent_process()
    assert command is not None
    command.join()
    os._exit(1)


def _sizes(report: Report, where: str) -> dict[str, int]:
    if report.problems:
        raise ConfigError("\n".join(f"{where}: {line}" for line in report.problems))
    return report.sizes


def _candidates(arm: Arm) -> Iterator[Candidate]:
    """Yields the arm's network, and those at the corners of its space."""
    yield Candidate(arm.name, arm.config({}, 0), {})
    for corner in arm.corners(pairs=True, among=SHAPING):
        # `study.plan` reports values that cannot be combined.
        with contextlib.suppress(ConfigError):
            yield Candidate(arm.name, arm.config(corner.values, 0), corner.given)


def _try(task: Task) -> Report:
    """Tries each network that differs once. Users' own code is tried by `study.plan.own_code`."""
    first = task.candidates[0].config
    data, problems = _data(first, task.download)
    sizes: dict[str, int] = {}
    causes: dict[str, list[Candidate]] = {}
    seen: dict[str, int | str] = {}
    for candidate in task.candidates:
        config = candidate.config
        key = repr((config.model, config.circuit, config.neuron, config.train))
        if key not in seen:
            seen[key] = _bytes_or_problem(config, data, task)
        found = seen[key]
        if isinstance(found, str):
            causes.setdefault(found, []).append(candidate)
        elif not candidate.values:
            sizes[candidate.arm] = found
    return Report(sizes, [_line(cause, them) for cause, them in causes.items()] + problems)


def _line(cause: str, candidates: list[Candidate]) -> str:
    """Returns one line for a cause, which several arms and values may share."""
    first = candidates[0]
    arms = list(dict.fromkeys(candidate.arm for candidate in candidates))
    named = ", ".join(arms[:3]) + (f" and {len(arms) - 3} more" if len(arms) > 3 else "")
    key = "base"
    if first.values:
        path, value = next(iter(first.values.items()))
        key = f"parameters.{path}: the value {value}"
    elif cause.startswith("metrics."):
        return f"{cause} (in {named})"
    return f"{key}: cannot be built in {named}: {cause}"


def _bytes_or_problem(config: TrialConfig, data: Dataset | None, task: Task) -> int | str:
    """Returns the bytes of one copy of the network's weights, or why no trial of it can begin."""
    import torch

    from eisnn.data.loading import shape_of
    from eisnn.networks import build_model, with_shapes
    from eisnn.training.beforehand import check

    try:
        if data is not None:
            check(config, data, task.metrics)
        _, shape, classes = shape_of(config.data, T=config.model.T)
        with torch.device("meta"):
            state = build_model(with_shapes(config, shape, classes)).state_dict()
    except Exception as error:
        if "overflowed" in str(error):  # torch cannot even write the size down
            return _too_large("more than can be counted")
        # What users' own code does on "meta" is its own affair; the trial will say what is wrong.
        known = isinstance(error, ConfigError) and not isinstance(error, UserCodeError)
        return UNKNOWN if config.code and not known else " ".join(str(error).split())
    bytes_each = 8 if config.train.precision == "float64" else 4
    size = bytes_each * sum(value.numel() for value in state.values())
    if task.memory is not None and size > task.memory:
        return _too_large(
            f"{size / 2**30:,.0f} GB, and this machine has {task.memory / 2**30:,.0f} GB of memory"
        )
    return size


def _too_large(size: str) -> str:
    return f"its weights take {size}; lower model.width or model.layers"


def _data(config: TrialConfig, download: bool) -> tuple[Dataset | None, list[str]]:
    """Returns the data, which all arms share, or why they cannot be read as the config asks."""
    from eisnn.data.loading import load
    from eisnn.errors import DataError

    before = os.environ.get("EISNN_DOWNLOAD")
    if not download:
        os.environ["EISNN_DOWNLOAD"] = "off"
    try:
        return load(config.data, T=config.model.T), []
    except DataError as error:
        return None, [f"data: {error}"]
    finally:
        os.environ.pop("EISNN_DOWNLOAD", None)
        if before is not None:
            os.environ["EISNN_DOWNLOAD"] = before

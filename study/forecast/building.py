"""Tries whether a study's networks can be built and its data read, and measures the weights.

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
from typing import Any

from eisnn.config.trial import TrialConfig
from eisnn.config.yaml_file import ConfigError
from study.plan import Arm, Plan

UNKNOWN = 40 * 2**20  # bytes assumed for weights that cannot be counted: ten million in float32
SHAPING = ("model.", "circuit.ei_ratio")  # parameters that change what is built


@dataclass(frozen=True)
class Candidate:
    """A network that some arm may train: at the config's own values, or with some of its space."""

    arm: str
    config: TrialConfig
    values: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """The findings: the bytes of one copy of each arm's weights, and the problems."""

    sizes: dict[str, int]
    problems: list[str]


def begin(plan: Plan, *, download: bool = True) -> Callable[[], dict[str, int]]:
    """Begins to try the networks and the data; the returned function waits and gives the sizes.

    ``download`` allows a missing dataset to be fetched. The process ends with the returned
    function, so a study that is stopped does not wait for a download.

    Raises (in the returned function):
        ConfigError: something cannot be built or read; one line per cause.
    """
    candidates = [candidate for arm in plan.arms for candidate in _candidates(arm)]
    if "torch" in sys.modules:
        return lambda: _sizes(_try(candidates, download), plan.where)
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(sender, candidates, download), daemon=True)
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


def _tell(sender: Connection, candidates: list[Candidate], download: bool) -> None:
    """Tries the candidates in the process, and sends the report; the driver ends it on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_command, daemon=True).start()
    try:
        report = _try(candidates, download)
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


def _try(candidates: list[Candidate], download: bool) -> Report:
    """Builds each different network once; `study.plan.own_code` tries users' own code."""
    sizes: dict[str, int] = {}
    causes: dict[str, list[Candidate]] = {}
    seen: dict[str, int | str] = {}
    for candidate in candidates:
        key = repr((candidate.config.model, candidate.config.circuit, candidate.config.train))
        if key not in seen:
            seen[key] = _bytes_or_problem(candidate.config)
        found = seen[key]
        if isinstance(found, str):
            causes.setdefault(found, []).append(candidate)
        elif not candidate.values:
            sizes[candidate.arm] = found
    problems = [_line(cause, them) for cause, them in causes.items()]
    return Report(sizes, problems + _data_problems(candidates[0].config, download))


def _line(cause: str, candidates: list[Candidate]) -> str:
    """Returns one line for a cause, which several arms and values may share."""
    first = candidates[0]
    arms = list(dict.fromkeys(candidate.arm for candidate in candidates))
    named = ", ".join(arms[:3]) + (f" and {len(arms) - 3} more" if len(arms) > 3 else "")
    key = "base"
    if first.values:
        path, value = next(iter(first.values.items()))
        key = f"parameters.{path}: the value {value}"
    return f"{key}: cannot be built in {named}: {cause}"


def _bytes_or_problem(config: TrialConfig) -> int | str:
    """Returns the bytes of one copy of the network's weights, or why it cannot be built."""
    import torch

    from eisnn.data.loading import shape_of
    from eisnn.networks import build_model, with_shapes

    try:
        _, shape, classes = shape_of(config.data, T=config.model.T)
        with torch.device("meta"):
            state = build_model(with_shapes(config, shape, classes)).state_dict()
    except Exception as error:
        # Users' own code need not work on "meta"; if more is wrong with it, the trial will say so.
        return UNKNOWN if config.code else " ".join(str(error).split())
    size = 8 if config.train.precision == "float64" else 4
    return size * sum(value.numel() for value in state.values())


def _data_problems(config: TrialConfig, download: bool) -> list[str]:
    """Returns the reason if the data, which all arms share, cannot be read."""
    from eisnn.data.loading import load
    from eisnn.errors import DataError

    before = os.environ.get("EISNN_DOWNLOAD")
    if not download:
        os.environ["EISNN_DOWNLOAD"] = "off"
    try:
        load(config.data, T=config.model.T)
    except DataError as error:
        return [f"data: {error}"]
    finally:
        os.environ.pop("EISNN_DOWNLOAD", None)
        if before is not None:
            os.environ["EISNN_DOWNLOAD"] = before
    return []

"""How busy work keeps a GPU: the time of its kernels, as the device reports it, over all time."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import profile, supported_activities


@dataclass(frozen=True)
class Busyness:
    """How busy work keeps a GPU. Both are 0 if the device reports no kernels.

    Attributes:
        time: fraction of the time in which a kernel ran. Processes that take turns on the device
            can share only the rest.
        filled: the same, but a kernel whose blocks reach half of the multiprocessors counts half,
            since under MPS kernels of other processes can run on the other half.
    """

    time: float = 0.0
    filled: float = 0.0


def busyness(work: Callable[[], object], device: torch.device) -> Busyness:
    """Does ``work``, which must be warmed up, twice: by the clock, then under the profiler.

    The profiler slows the host down, so the kernels' time is divided by that of the first run.
    """
    _wait_for(device)
    start = time.perf_counter()
    work()
    _wait_for(device)
    seconds = time.perf_counter() - start
    try:
        with profile(activities=supported_activities()) as profiler:
            work()
            _wait_for(device)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.json"
            profiler.export_chrome_trace(str(path))
            trace = json.loads(path.read_text())
    except RuntimeError:  # some drivers forbid profiling
        return Busyness()
    return of_trace(trace, seconds)


def of_trace(trace: Mapping[str, Any], seconds: float) -> Busyness:
    """Returns the busyness in a profiler's trace of work that takes ``seconds`` without it."""
    ran = filled = 0.0
    for event in trace["traceEvents"]:
        if event.get("cat") == "kernel":
            duration = event["dur"] / 1e6
            ran += duration
            filled += duration * min(1.0, event["args"].get("blocks per SM", 1.0))
    return Busyness(min(1.0, ran / seconds), min(1.0, filled / seconds))


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

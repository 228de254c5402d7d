"""How busy work keeps a GPU: its kernels' own time, as the device reports it, over the clock's."""

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
    """Both are 0 where the device reports no kernels, so that nothing is known.

    Attributes:
        time: the part of the time in which a kernel ran. Processes that take turns on the device
            can share only the rest.
        filled: the same, where a kernel whose blocks reach half of the multiprocessors counts half.
            Under MPS, kernels of other processes can run on the others.
    """

    time: float = 0.0
    filled: float = 0.0


def busyness(work: Callable[[], object], device: torch.device) -> Busyness:
    """Does ``work`` twice, which has been done before: by the clock, and watched by the profiler.

    Watching slows the host down, so the watched time is not the one that is divided by.
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
    except RuntimeError:  # some drivers let nobody watch
        return Busyness()
    return of_trace(trace, seconds)


def of_trace(trace: Mapping[str, Any], seconds: float) -> Busyness:
    """What a trace of the profiler's says of work that takes ``seconds`` when not watched."""
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

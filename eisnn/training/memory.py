"""Peak memory of a run: of the GPU, or of this process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import torch


class MemoryMeter:
    """Peak memory (MB) above what was in use when the meter was made.

    On the CPU it is that of this process's resident size (Linux only, else 0).
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.init()  # there are no statistics before
            torch.cuda.reset_peak_memory_stats(device)
            self.before = torch.cuda.memory_allocated(device) / 2**20
        else:
            with contextlib.suppress(OSError):
                # The peak starts again from the present size.
                Path("/proc/self/clear_refs").write_text("5")
            self.before = _resident_mb("VmRSS")

    def peak_mb(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20 - self.before
        return max(0.0, _resident_mb("VmHWM") - self.before)


def total_mb(device: torch.device) -> float:
    """Returns all memory of the GPU, or of this machine (Linux only, else 0)."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory / 2**20
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    except (ValueError, OSError):
        return 0.0


def _resident_mb(field: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), 0.0)

"""Finds out, in a worker, whether PyTorch can use the GPU, and which kind it is."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

# Messages of errors after which every further call to CUDA in the process fails too.
LOST = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "unspecified launch failure",
    "uncorrectable ecc",
    "cuda error: unknown error",
    "gpu has fallen off the bus",
)


@dataclass(frozen=True)
class Gpu:
    """A worker's GPU with its memory, or the problem that PyTorch has with it."""

    name: str = ""
    total_mb: float = 0.0
    problem: str | None = None


def look() -> Gpu:
    """Finds out which GPU this worker has, and whether PyTorch can use it."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return Gpu(problem=f"PyTorch {torch.__version__} is built for the CPU only")
    try:
        if not torch.cuda.is_available():
            torch.cuda.init()  # raises an error that says why
        properties = torch.cuda.get_device_properties(0)
        torch.zeros(1, device="cuda").add_(1).item()  # fails if no kernel supports this device
    except Exception as error:
        return Gpu(problem=(str(error).strip().splitlines() or [type(error).__name__])[0])
    return Gpu(properties.name, properties.total_memory / 2**20)


def foreign_mb() -> float:
    """Returns the MB of this worker's GPU that other processes hold; 0 if that is not known.

    Call it before this process uses the GPU, or its own memory counts too.
    """
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            [*command, "-i", device], capture_output=True, text=True, timeout=20, check=True
        )
        return float(done.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0.0


def is_lost(text: str | None) -> bool:
    """Returns whether an error leaves this process without a usable GPU."""
    return any(words in (text or "").lower() for words in LOST)

"""Where a run computes, and with which arithmetic."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from eisnn.config.sections.train import TrainConfig
from eisnn.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """Returns the device called ``name``; "auto" is a GPU if torch can use one.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            f"device: must be cpu, cuda, cuda:1, or auto, given {name[:80]!r}"
        ) from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device: must be cpu, cuda, cuda:1, or auto, given {name!r}")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise ConfigError(
                f"device: {name}: torch finds {count} GPUs here; give cpu, or install a driver and"
                " a build of torch with CUDA"
            )
    return device


@contextlib.contextmanager
def computing(train: TrainConfig, device: torch.device) -> Iterator[None]:
    """Makes ``device`` the current one, with the arithmetic that ``train`` asks for.

    TF32 is on or off for both convolutions and matrix products. Restores the caller's settings at
    the end.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark)
    determined = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    matmul.allow_tf32 = cudnn.allow_tf32 = train.precision == "tf32"
    if train.deterministic:
        # cuBLAS reads this when its first handle is made.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        cudnn.benchmark = False
    current = torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
    try:
        with current:
            yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before
        if train.deterministic:  # the call imports torch._dynamo, over a second
            torch.use_deterministic_algorithms(determined, warn_only=warned)
            if workspace is None:
                del os.environ["CUBLAS_WORKSPACE_CONFIG"]

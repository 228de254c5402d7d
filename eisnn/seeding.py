"""Random numbers derived from their purpose, so that a resumed run needs no saved generator
state."""

from __future__ import annotations

import hashlib

import torch


def derive(*parts: int | str) -> int:
    """A 63-bit seed that depends on every part: ``derive(seed, "init", "layers.0", "W_EE")``."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(*parts: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator seeded by `derive`. CPU and GPU generators give different numbers for one
    seed."""
    return torch.Generator(device=device).manual_seed(derive(*parts))

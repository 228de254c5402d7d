"""The sizes of one call, how it is cut into tiles, and what the kernels refuse."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
import triton
from torch import Tensor

from eisnn.kernels.rules import Rules

BM, BN, BK = 16, 64, 16  # rows, excitatory and inhibitory cells of a tile; these give no spills
# Rows of a tile whose spikes are pooled: with 16, ptxas spills to keep 128 registers.
POOLED_BM = 32
# Cells of a tile of `currents` where D is detached: with 64, sm_90 spills.
DETACHED_BN = 32
MAX_KO = 32  # inhibitory cells of an output tile; more spills on sm_86, sm_89 and sm_120


@dataclasses.dataclass(frozen=True)
class Layer:
    """The sizes of one call, and what its kernels are compiled for."""

    T: int
    B: int  # images
    P: int  # positions of a map
    width: int
    n_E: int
    n_I: int
    shared: bool
    pool: bool
    rules: Rules
    dtype: torch.dtype

    @property
    def N(self) -> int:
        """Samples with a current each: (time step, image) pairs, or images if steps share."""
        return self.B if self.shared else self.T * self.B

    @property
    def tile(self) -> dict[str, int]:
        # Of 32 cells `extremes` spills; narrow layers leave half of a tile of 64 empty.
        return {"BM": BM, "BN": 16 if self.n_E <= 16 else BN, "BK": BK}

    @property
    def KO(self) -> int:
        return _power(self.n_I, MAX_KO)

    @property
    def divides_by_smallest(self) -> bool:
        return bool(self.n_I and self.rules.divisive and self.rules.stabiliser == 0)

    @property
    def inhibition(self) -> dict[str, Any]:
        """What the circuit's kernels are compiled for.

        float64 products are exact; float32's are three TF32 products.
        """
        return {
            "RECTIFY": bool(self.rules.rectify),
            "SUB": bool(self.n_I and self.rules.subtractive),
            "DIV": bool(self.n_I and self.rules.divisive),
            "STABILISER": int(self.rules.stabiliser),
            "PRECISION": "ieee" if self.dtype == torch.float64 else "tf32x3",
        }


def _power(n: int, largest: int) -> int:
    """The power of two that covers n, within 16 (what a product needs) and ``largest``."""
    return max(16, min(largest, triton.next_power_of_2(n)))


def describe(
    current: Tensor, W_EI: Tensor, T: int, shared: bool, pool: bool, rules: list[float]
) -> Layer:
    """The sizes; refuses what the kernels cannot run."""
    _require(T >= 1, f"T must be at least 1, given {T}")
    _require(current.dim() in (2, 4), "the input must be [N, n] or [N, n, height, width]")
    types = (torch.float32, torch.float64)
    _require(current.dtype in types, f"the input must be float32 or float64, not {current.dtype}")
    _require(len(rules) == len(Rules._fields), f"{len(Rules._fields)} rules are needed")
    _require(W_EI.dim() == 2, f"W_EI must be [n_E, n_I], given {tuple(W_EI.shape)}")
    numbers = Rules(*rules)
    _require(numbers.stabiliser in range(4), f"rules: no stabiliser {numbers.stabiliser}")
    _require(numbers.surrogate in range(3), f"rules: no surrogate {numbers.surrogate}")
    height, width = current.shape[2:] if current.dim() == 4 else (1, 1)
    fits = height % 2 == 0 and width % 2 == 0
    _require(not pool or (current.dim() == 4 and fits), "pool needs maps of even size")
    samples, columns = current.shape[:2]
    _require(
        shared or samples % T == 0, f"the input's {samples} samples are no multiple of T = {T}"
    )
    n_I = W_EI.shape[1]
    _require(n_I < columns, f"W_EI: {n_I} inhibitory cells leave none of the input's {columns}")
    return Layer(
        T=T,
        B=samples if shared else samples // T,
        P=height * width,
        width=width,
        n_E=columns - n_I,
        n_I=n_I,
        shared=shared,
        pool=pool,
        rules=numbers,
        dtype=current.dtype,
    )


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RuntimeError(f"circuit_spikes: {message}")


def check_like(current: Tensor, **expected: tuple[Tensor, tuple[int, ...]]) -> None:
    """Refuses tensors that the kernels would read beyond their ends, or as another type."""
    for name, (x, shape) in expected.items():
        _require(tuple(x.shape) == shape, f"{name} must be {shape}, given {tuple(x.shape)}")
        _require(x.dtype == current.dtype, f"{name} must be {current.dtype}, given {x.dtype}")
        _require(x.device == current.device, f"{name} must be on {current.device}, not {x.device}")


def check_weights(
    layer: Layer, current: Tensor, W_EI: Tensor, g_I: Tensor, g_E: Tensor, b_E: Tensor
) -> None:
    check_like(current, W_EI=(W_EI, (layer.n_E, layer.n_I)))
    if layer.n_I:
        check_like(
            current, g_I=(g_I, (layer.n_I,)), g_E=(g_E, (layer.n_E,)), b_E=(b_E, (layer.n_E,))
        )


def output_shape(layer: Layer, current: Tensor) -> tuple[int, ...]:
    shrink = 2 if layer.pool else 1
    return (layer.T * layer.B, layer.n_E, *(side // shrink for side in current.shape[2:]))


def kept_size(layer: Layer) -> int:
    """Entries of what is kept: v of every cell and step, then two limits for every sample."""
    potentials = layer.T * layer.B * layer.P * layer.n_E
    return potentials + (2 * layer.N if layer.divides_by_smallest else 0)

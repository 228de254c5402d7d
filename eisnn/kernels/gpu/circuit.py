"""The operations of ops.py by the Triton kernels: shapes, tiles and launches."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import torch
import triton
from torch import Tensor

from eisnn.kernels.gpu import backward, forward
from eisnn.kernels.rules import Rules

WARPS = 8
PROGRAMS = 264  # of a sum that is split: two for each multiprocessor of an H100
BM, BN, BK = 16, 64, 16  # rows, excitatory and inhibitory cells of a tile; these give no spills
POOLED_BM = (
    32  # rows of a tile whose spikes are pooled: with 16, ptxas spills to keep 128 registers
)
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


def _check_weights(
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


def rows(x: Tensor) -> Tensor:
    """Channels-last, as the kernels read it; a copy only where it is not so already."""
    if x.dim() == 2:
        return x.contiguous()
    return x.contiguous(memory_format=torch.channels_last)


def new_map(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


@functools.cache
def numbers_on(device: torch.device, dtype: torch.dtype, rules: Rules) -> Tensor:
    """The rules where the kernels read them.

    Copied there once, kept for ever (graphs hold its address).
    """
    return torch.tensor(rules, dtype=dtype, device=device)


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
    """Every launch passes here, so that tests can count launches and bytes."""
    kernel[grid](*arguments, **options, num_warps=WARPS)


def circuit_spikes(
    current: Tensor,
    W_EI: Tensor,
    g_I: Tensor,
    g_E: Tensor,
    b_E: Tensor,
    residual: Tensor | None,
    T: int,
    shared: bool,
    pool: bool,
    rules: list[float],
) -> tuple[Tensor, Tensor]:
    layer = describe(current, W_EI, T, shared, pool, rules)
    _check_weights(layer, current, W_EI, g_I, g_E, b_E)
    shape = output_shape(layer, current)
    if residual is not None:
        check_like(current, residual=(residual, shape))
    out = new_map(current, shape)
    kept = torch.empty(kept_size(layer), dtype=current.dtype, device=current.device)
    if not out.numel():
        return out, kept
    X, W, g = rows(current), W_EI.contiguous(), g_I.contiguous()
    limits = kept[layer.T * layer.B * layer.P * layer.n_E :]
    numbers = numbers_on(current.device, current.dtype, layer.rules)
    options = layer.inhibition
    if layer.divides_by_smallest:
        samples = max(1, BM // triton.next_power_of_2(layer.P))
        launch(
            forward.extremes,
            (triton.cdiv(layer.N, samples),),
            *(X, W, g, numbers, limits, layer.N, layer.P, layer.n_E, layer.n_I),
            SAMPLES=samples,
            RECTIFY=options["RECTIFY"],
            PRECISION=options["PRECISION"],
            **layer.tile,
        )
    tile = {**layer.tile, "BM": POOLED_BM if pool else BM}
    launch(
        forward.forward,
        (triton.cdiv(layer.B * layer.P, tile["BM"]), triton.cdiv(layer.n_E, tile["BN"])),
        *(X, W, g, g_E.contiguous(), b_E.contiguous(), numbers, limits),
        *(X if residual is None else rows(residual), out, kept),
        *(layer.T, layer.B, layer.P, layer.width, layer.n_E, layer.n_I),
        CIRCUIT=layer.n_I > 0,
        SHARED=shared,
        POOL=pool,
        RESIDUAL=residual is not None,
        SOFT=bool(layer.rules.soft),
        **tile,
        **options,
    )
    return out, kept


def circuit_spikes_backward(
    upstream: Tensor,
    current: Tensor,
    W_EI: Tensor,
    g_I: Tensor,
    g_E: Tensor,
    b_E: Tensor,
    kept: Tensor,
    T: int,
    shared: bool,
    pool: bool,
    rules: list[float],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    layer = describe(current, W_EI, T, shared, pool, rules)
    _check_weights(layer, current, W_EI, g_I, g_E, b_E)
    check_like(
        current,
        upstream=(upstream, output_shape(layer, current)),
        kept=(kept, (kept_size(layer),)),
    )
    d_X = new_map(current, tuple(current.shape))
    d_W, d_g_I = torch.empty_like(W_EI), torch.empty_like(g_I)
    d_g_E, d_b_E = torch.empty_like(g_E), torch.empty_like(b_E)
    if not current.numel():
        return d_X, d_W.zero_(), d_g_I.zero_(), d_g_E.zero_(), d_b_E.zero_()
    numbers = numbers_on(current.device, current.dtype, layer.rules)
    d_current = d_X
    if layer.n_I:
        d_current = current.new_empty(layer.N * layer.P, layer.n_E)
    cell_tiles = triton.cdiv(layer.n_E, layer.tile["BN"])
    launch(
        backward.cells,
        (triton.cdiv(layer.B * layer.P, BM), cell_tiles),
        *(rows(upstream), kept, numbers, d_current),
        *(layer.T, layer.B, layer.P, layer.width, layer.n_E),
        SHARED=shared,
        POOL=pool,
        BM=BM,
        BN=layer.tile["BN"],
        SURROGATE=int(layer.rules.surrogate),
        SOFT=bool(layer.rules.soft),
        DETACH_RESET=bool(layer.rules.detach_reset),
    )
    if not layer.n_I:
        return d_X, d_W, d_g_I, d_g_E, d_b_E

    limits = kept[layer.T * layer.B * layer.P * layer.n_E :]
    W, g = W_EI.contiguous(), g_I.contiguous()
    shared_arguments = (rows(current), d_current, W, g, g_E.contiguous(), numbers, limits)
    sizes = (layer.N, layer.P, layer.n_E, layer.n_I)
    options = {**layer.tile, **layer.inhibition, "KO": layer.KO, "DETACH": bool(layer.rules.detach)}
    row_tiles = triton.cdiv(layer.N * layer.P, BM)
    k_tiles = triton.cdiv(layer.n_I, layer.KO)

    splits = max(1, min(row_tiles, PROGRAMS // (cell_tiles * k_tiles)))
    tiles_each = triton.cdiv(row_tiles, splits)
    splits = triton.cdiv(row_tiles, tiles_each)
    by_cell_pair = current.new_empty(2, splits, layer.n_E, layer.n_I)
    by_cell = current.new_empty(2, splits, layer.n_E)
    partial = (*by_cell_pair.unbind(), *by_cell.unbind())
    launch(
        backward.weights,
        (cell_tiles, k_tiles, splits),
        *shared_arguments,
        *partial,
        *sizes,
        row_tiles,
        tiles_each,
        **options,
    )
    part_g_I = current.new_empty(cell_tiles, layer.n_I)
    launch(
        backward.finish,
        (cell_tiles, k_tiles),
        *partial,
        *(W, g, numbers, d_W, part_g_I, d_g_E, d_b_E, splits, layer.n_E, layer.n_I),
        BN=layer.tile["BN"],
        KO=layer.KO,
    )
    launch(backward.currents, (row_tiles, k_tiles), *shared_arguments, d_X, *sizes, **options)
    return d_X, d_W, part_g_I.sum(0), d_g_E, d_b_E

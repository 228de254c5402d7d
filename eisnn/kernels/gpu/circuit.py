"""Implements the operations of ops.py by the Triton kernels: shapes, tiles and launches."""

from __future__ import annotations

import functools
from typing import Any

import torch
import triton
from torch import Tensor

from eisnn.kernels.gpu import backward, forward
from eisnn.kernels.gpu.sizes import (
    BM,
    DETACHED_BN,
    POOLED_BM,
    check_like,
    check_weights,
    describe,
    kept_size,
    output_shape,
)
from eisnn.kernels.rules import Rules

WARPS = 8
PROGRAMS = 264  # of a split sum: two for each multiprocessor of an H100


def rows(x: Tensor) -> Tensor:
    """Returns x channels-last, as the kernels read it; copies only if it is not so already."""
    if x.dim() == 2:
        return x.contiguous()
    return x.contiguous(memory_format=torch.channels_last)


def new_map(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


@functools.cache
def numbers_on(device: torch.device, dtype: torch.dtype, rules: Rules) -> Tensor:
    """Returns the rules on the device. They are copied once and kept for ever, since graphs hold
    their address."""
    return torch.tensor(rules, dtype=dtype, device=device)


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
    """Launches a kernel. Every launch passes here, so that tests can count launches and bytes."""
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
    check_weights(layer, current, W_EI, g_I, g_E, b_E)
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
    check_weights(layer, current, W_EI, g_I, g_E, b_E)
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
    if layer.rules.detach:
        options["BN"] = min(DETACHED_BN, options["BN"])
    launch(backward.currents, (row_tiles, k_tiles), *shared_arguments, d_X, *sizes, **options)
    return d_X, d_W, part_g_I.sum(0), d_g_E, d_b_E

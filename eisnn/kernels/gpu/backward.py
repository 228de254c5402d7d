"""Backward kernels: back through time, then sums for the weights, then the currents.

cells      dL/dI_int, by the recursion over the steps
weights    sums over rows for W_EI, g_I, g_E and b_E, split over programs
finish     adds the splits up, always in the same order
currents   dL/dI_ee and dL/ds_I
"""

from __future__ import annotations

import triton
import triton.language as tl

from eisnn.kernels.gpu.parts import (
    ALPHA,
    DECAY,
    SCALE_G_I,
    SCALE_W_EI,
    THRESHOLD,
    divided,
    row_of,
    surrogate_gradient,
)


@triton.jit
def cells(
    upstream, potentials, numbers, d_current, T, B, P, width, n_E,
    SHARED: tl.constexpr, POOL: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    SURROGATE: tl.constexpr, SOFT: tl.constexpr, DETACH_RESET: tl.constexpr,
):  # fmt: skip
    """Computes dL/dv_t = ds_t h_t + (du_t/dv_t) decay dL/dv_{t+1}, summed over the steps if they
    share one current.
    """
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    rows = B * P
    row = row_of(m, width, POOL)
    inside = (m < rows)[:, None] & (c < n_E)[None, :]
    decay, threshold = tl.load(numbers + DECAY), tl.load(numbers + THRESHOLD)
    alpha = tl.load(numbers + ALPHA)
    after = tl.zeros((BM, BN), potentials.dtype.element_ty)
    total = tl.zeros((BM, BN), potentials.dtype.element_ty)
    for back in range(T):
        t = T - 1 - back
        there = (t * rows + row).to(tl.int64)[:, None] * n_E + c[None, :]
        v = tl.load(potentials + there, inside, 0.0)
        h = surrogate_gradient(v - threshold, alpha, SURROGATE)
        du_dv = tl.full((BM, BN), 1.0, v.dtype)
        if not SOFT:
            du_dv = 1.0 - (v >= threshold).to(v.dtype)
        if not DETACH_RESET:
            du_dv -= (threshold if SOFT else v) * h
        if POOL:
            at = (t * (rows // 4) + m // 4).to(tl.int64)[:, None] * n_E + c[None, :]
            d_spike = 0.25 * tl.load(upstream + at, inside, 0.0)
        else:
            d_spike = tl.load(upstream + there, inside, 0.0)
        after = d_spike * h + decay * du_dv * after
        if SHARED:
            total += after
        else:
            tl.store(d_current + there, after, inside)
    if SHARED:
        there = row.to(tl.int64)[:, None] * n_E + c[None, :]
        tl.store(d_current + there, total, inside)


@triton.jit
def weights(
    X, d_current, W_EI, g_I, g_E, numbers, limits, d_sub, d_div, d_g_E, d_b_E,
    N, P, n_E, n_I, tiles, tiles_each,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, KO: tl.constexpr, RECTIFY: tl.constexpr,
    SUB: tl.constexpr, DIV: tl.constexpr, STABILISER: tl.constexpr, DETACH: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Computes one split: -dnet^T s_I and dD^T s_I [n_E, n_I], and the sums for g_E and b_E [n_E],
    over ``tiles_each`` tiles of rows.
    """
    c = tl.program_id(0) * BN + tl.arange(0, BN)
    k = tl.program_id(1) * KO + tl.arange(0, KO)
    split = tl.program_id(2)
    sub = tl.zeros((BN, KO), X.dtype.element_ty)
    div = tl.zeros((BN, KO), X.dtype.element_ty)
    gain = tl.zeros((BN,), X.dtype.element_ty)
    bias = tl.zeros((BN,), X.dtype.element_ty)
    g = tl.load(g_E + c, c < n_E, 0.0)[None, :]
    for tile in range(split * tiles_each, tl.minimum(split * tiles_each + tiles_each, tiles)):
        row = tile * BM + tl.arange(0, BM)
        live = row < N * P
        q, inverse = divided(
            X, W_EI, g_I, numbers, limits, row, live, c, N, P, n_E, n_I,
            BM, BN, BK, RECTIFY, SUB, DIV, STABILISER, PRECISION,
        )  # fmt: skip
        inside = live[:, None] & (c < n_E)[None, :]
        there = row.to(tl.int64)[:, None] * n_E + c[None, :]
        d = tl.load(d_current + there, inside, 0.0)
        start = row.to(tl.int64) * (n_E + n_I) + n_E
        s_I = tl.load(X + start[:, None] + k[None, :], live[:, None] & (k < n_I)[None, :], 0.0)
        if RECTIFY:
            s_I = tl.where(s_I <= 0, 0.0, s_I)
        d_net = d * g * inverse
        if SUB:
            sub -= tl.dot(tl.trans(d_net), s_I, input_precision=PRECISION, out_dtype=sub.dtype)
        if DIV and not DETACH:
            d_D = -d_net * q
            div += tl.dot(tl.trans(d_D), s_I, input_precision=PRECISION, out_dtype=div.dtype)
        bias += tl.sum(d, 0)
        gain += tl.sum(d * q, 0)
    there = split.to(tl.int64) * n_E * n_I + c[:, None] * n_I + k[None, :]
    inside = (c < n_E)[:, None] & (k < n_I)[None, :]
    tl.store(d_sub + there, sub, inside)
    tl.store(d_div + there, div, inside)
    if tl.program_id(1) == 0:
        tl.store(d_g_E + split * n_E + c, gain, c < n_E)
        tl.store(d_b_E + split * n_E + c, bias, c < n_E)


@triton.jit
def finish(
    d_sub, d_div, split_g_E, split_b_E, W_EI, g_I, numbers, d_W_EI, part_g_I, d_g_E, d_b_E,
    splits, n_E, n_I, BN: tl.constexpr, KO: tl.constexpr,
):  # fmt: skip
    """Adds up the splits' sums to gradients.

    That of g_I remains to be summed over blocks of BN excitatory cells.
    """
    c = tl.program_id(0) * BN + tl.arange(0, BN)
    k = tl.program_id(1) * KO + tl.arange(0, KO)
    inside = (c < n_E)[:, None] & (k < n_I)[None, :]
    there = c[:, None] * n_I + k[None, :]
    sub = tl.zeros((BN, KO), W_EI.dtype.element_ty)
    div = tl.zeros((BN, KO), W_EI.dtype.element_ty)
    gain = tl.zeros((BN,), W_EI.dtype.element_ty)
    bias = tl.zeros((BN,), W_EI.dtype.element_ty)
    for split in range(splits):
        at = tl.cast(split, tl.int64) * n_E * n_I + there
        sub += tl.load(d_sub + at, inside, 0.0)
        div += tl.load(d_div + at, inside, 0.0)
        gain += tl.load(split_g_E + split * n_E + c, c < n_E, 0.0)
        bias += tl.load(split_b_E + split * n_E + c, c < n_E, 0.0)
    g = tl.load(g_I + k, k < n_I, 0.0)[None, :]
    tl.store(d_W_EI + there, tl.load(numbers + SCALE_W_EI) * (sub + div * g), inside)
    w = tl.load(W_EI + there, inside, 0.0)
    d_g = tl.load(numbers + SCALE_G_I) * tl.sum(div * w, 0)
    tl.store(part_g_I + tl.program_id(0) * n_I + k, d_g, k < n_I)
    if tl.program_id(1) == 0:
        tl.store(d_g_E + c, gain, c < n_E)
        tl.store(d_b_E + c, bias, c < n_E)


@triton.jit
def currents(
    X, d_current, W_EI, g_I, g_E, numbers, limits, d_X, N, P, n_E, n_I,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, KO: tl.constexpr, RECTIFY: tl.constexpr,
    SUB: tl.constexpr, DIV: tl.constexpr, STABILISER: tl.constexpr, DETACH: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """dI_ee = dnet and ds_I = -dnet W_EI + g_I (dD W_EI) of BM rows and KO inhibitory cells."""
    row = tl.program_id(0) * BM + tl.arange(0, BM)
    k = tl.program_id(1) * KO + tl.arange(0, KO)
    live = row < N * P
    start = row.to(tl.int64)[:, None] * (n_E + n_I)
    sub = tl.zeros((BM, KO), X.dtype.element_ty)
    div = tl.zeros((BM, KO), X.dtype.element_ty)
    for c0 in range(0, n_E, BN):
        c = c0 + tl.arange(0, BN)
        q, inverse = divided(
            X, W_EI, g_I, numbers, limits, row, live, c, N, P, n_E, n_I,
            BM, BN, BK, RECTIFY, SUB, DIV, STABILISER, PRECISION,
        )  # fmt: skip
        inside = live[:, None] & (c < n_E)[None, :]
        d = tl.load(d_current + row.to(tl.int64)[:, None] * n_E + c[None, :], inside, 0.0)
        d_net = d * tl.load(g_E + c, c < n_E, 0.0)[None, :] * inverse
        w = tl.load(
            W_EI + c[:, None] * n_I + k[None, :], (c < n_E)[:, None] & (k < n_I)[None, :], 0.0
        )
        if SUB:
            sub -= tl.dot(d_net, w, input_precision=PRECISION, out_dtype=sub.dtype)
        if DIV and not DETACH:
            div += tl.dot(-d_net * q, w, input_precision=PRECISION, out_dtype=div.dtype)
        tl.store(d_X + start + c[None, :], d_net, inside & (tl.program_id(1) == 0))
    ds_I = sub + div * tl.load(g_I + k, k < n_I, 0.0)[None, :]
    there = start + n_E + k[None, :]
    inside = live[:, None] & (k < n_I)[None, :]
    if RECTIFY:
        ds_I = tl.where(tl.load(X + there, inside, 0.0) <= 0, 0.0, ds_I)
    tl.store(d_X + there, ds_I, inside)

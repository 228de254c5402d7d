"""Forward kernels: the limits of every sample's I_div, then currents and cells over all T steps."""

from __future__ import annotations

import triton
import triton.language as tl

from eisnn.kernels.gpu.parts import (
    DECAY,
    THRESHOLD,
    ZERO_FLOOR,
    ZERO_TOLERANCE,
    after_reset,
    divided,
    inhibition,
    row_of,
)


@triton.jit
def extremes(
    X, W_EI, g_I, numbers, limits, N, P, n_E, n_I,
    SAMPLES: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
    RECTIFY: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Sets limits[n] to the largest I_div of sample n (NaN if it has one), and limits[N + n] to the
    smallest above the tolerance.

    A program has SAMPLES samples and reads BM / SAMPLES positions of each at once. The second pass
    needs the first one's result, and reads the same s_I again, mostly from the cache.
    """
    EACH: tl.constexpr = BM // SAMPLES
    r = tl.arange(0, BM)
    n = tl.program_id(0) * SAMPLES + r // EACH
    largest = tl.full((BM,), float("-inf"), X.dtype.element_ty)
    faults = tl.zeros((BM,), tl.int32)
    for p0 in range(0, P, EACH):
        p = p0 + r % EACH
        live = (n < N) & (p < P)
        for c0 in range(0, n_E, BN):
            c = c0 + tl.arange(0, BN)
            _, I_div = inhibition(
                X, W_EI, g_I, n * P + p, live, c, n_E, n_I,
                BM, BN, BK, RECTIFY, False, True, PRECISION,
            )  # fmt: skip
            inside = live[:, None] & (c < n_E)[None, :]
            faults += tl.sum((inside & (I_div != I_div)).to(tl.int32), 1)
            largest = tl.maximum(largest, tl.max(tl.where(inside, I_div, float("-inf")), 1))
    largest = tl.where(faults > 0, float("inf"), largest)  # the maximum itself would drop a NaN
    of_sample = tl.max(tl.reshape(largest, (SAMPLES, EACH)), 1)
    is_nan = tl.max(tl.reshape(faults, (SAMPLES, EACH)), 1) > 0
    tolerance = tl.maximum(
        of_sample * tl.load(numbers + ZERO_TOLERANCE), tl.load(numbers + ZERO_FLOOR)
    )
    above = tl.reshape(tl.broadcast_to(tolerance[:, None], (SAMPLES, EACH)), (BM,))

    smallest = tl.full((BM,), float("inf"), X.dtype.element_ty)
    for p0 in range(0, P, EACH):
        p = p0 + r % EACH
        live = (n < N) & (p < P)
        for c0 in range(0, n_E, BN):
            c = c0 + tl.arange(0, BN)
            _, I_div = inhibition(
                X, W_EI, g_I, n * P + p, live, c, n_E, n_I,
                BM, BN, BK, RECTIFY, False, True, PRECISION,
            )  # fmt: skip
            counts = live[:, None] & (c < n_E)[None, :] & (I_div > above[:, None])
            smallest = tl.minimum(smallest, tl.min(tl.where(counts, I_div, float("inf")), 1))
    samples = tl.program_id(0) * SAMPLES + tl.arange(0, SAMPLES)
    tl.store(limits + samples, tl.where(is_nan, float("nan"), of_sample), samples < N)
    smallest = tl.min(tl.reshape(smallest, (SAMPLES, EACH)), 1)
    tl.store(limits + N + samples, smallest, samples < N)


@triton.jit
def forward(
    X, W_EI, g_I, g_E, b_E, numbers, limits, residual, out, potentials,
    T, B, P, width, n_E, n_I,
    CIRCUIT: tl.constexpr, SHARED: tl.constexpr, POOL: tl.constexpr, RESIDUAL: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, RECTIFY: tl.constexpr, SUB: tl.constexpr,
    DIV: tl.constexpr, STABILISER: tl.constexpr, SOFT: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Computes spikes (pooled, plus the residual) and potentials v of one tile over all steps."""
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    c = tl.program_id(1) * BN + tl.arange(0, BN)
    rows = B * P
    live = m < rows
    row = row_of(m, width, POOL)
    inside = live[:, None] & (c < n_E)[None, :]
    N = B if SHARED else T * B
    decay, threshold = tl.load(numbers + DECAY), tl.load(numbers + THRESHOLD)
    u = tl.zeros((BM, BN), X.dtype.element_ty)
    current = tl.zeros((BM, BN), X.dtype.element_ty)
    for t in range(T):
        at = t * rows + row
        if (not SHARED) or t == 0:
            source = row if SHARED else at
            if CIRCUIT:
                q, _ = divided(
                    X, W_EI, g_I, numbers, limits, source, live, c, N, P, n_E, n_I,
                    BM, BN, BK, RECTIFY, SUB, DIV, STABILISER, PRECISION,
                )  # fmt: skip
                gain = tl.load(g_E + c, c < n_E, 0.0)[None, :]
                current = gain * q + tl.load(b_E + c, c < n_E, 0.0)[None, :]
            else:
                start = source.to(tl.int64) * n_E
                current = tl.load(X + start[:, None] + c[None, :], inside, 0.0)
        v = decay * u + current
        spike = (v >= threshold).to(v.dtype)
        u = after_reset(v, spike, threshold, SOFT)
        start = at.to(tl.int64) * n_E
        tl.store(potentials + start[:, None] + c[None, :], v, inside)
        if POOL:
            window = tl.program_id(0) * (BM // 4) + tl.arange(0, BM // 4)
            value = 0.25 * tl.sum(tl.reshape(spike, (BM // 4, 4, BN)), 1)
            start = (t * (rows // 4) + window).to(tl.int64) * n_E
            mask = (window < rows // 4)[:, None] & (c < n_E)[None, :]
        else:
            value = spike
            mask = inside
        there = start[:, None] + c[None, :]
        if RESIDUAL:
            value += tl.load(residual + there, mask, 0.0)
        tl.store(out + there, value, mask)

"""What the Triton kernels share: addresses, inhibition, division, surrogates.

Activity is held as rows: row (t B + b) P + p is position p of image b at step t, and its columns
are the cells (channels-last). X holds the joint map of a layer's input, [I_ee | s_I], C = n_E + n_I
columns wide. Names and equations are those of eisnn/layers/circuit.py and neurons.py. A tile is BM
rows by BN excitatory cells; products run over BK inhibitory cells at a time.

Numbers of a trial are read from ``numbers`` (see `eisnn.kernels.rules.Rules`), so that no trial
compiles anything of its own.
"""

# The names are the equations' names. Triton compiles these functions: they are not type-checked.

from __future__ import annotations

import triton
import triton.language as tl

from eisnn.kernels.rules import Rules


def _position(name: str) -> tl.constexpr:
    return tl.constexpr(Rules._fields.index(name))


ZERO_TOLERANCE, ZERO_FLOOR = _position("zero_tolerance"), _position("zero_floor")
EPSILON = _position("epsilon")
DECAY, THRESHOLD, ALPHA = _position("decay"), _position("threshold"), _position("alpha")
SCALE_W_EI, SCALE_G_I = _position("scale_W_EI"), _position("scale_g_I")


@triton.jit
def row_of(m, width, POOL: tl.constexpr):
    """Returns the row of the m-th position.

    With POOL, four consecutive positions are a 2x2 window of a map ``width`` wide.
    """
    if POOL:
        window, corner, half = m // 4, m % 4, width // 2
        m = window // half * 2 * width + window % half * 2 + corner // 2 * width + corner % 2
    return m


@triton.jit
def inhibition(
    X, W_EI, g_I, row, live, c, n_E, n_I,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
    RECTIFY: tl.constexpr, SUB: tl.constexpr, DIV: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Returns I_sub and I_div [BM, BN] at rows ``row`` (where ``live``) and cells c."""
    I_sub = tl.zeros((BM, BN), X.dtype.element_ty)
    I_div = tl.zeros((BM, BN), X.dtype.element_ty)
    start = row.to(tl.int64) * (n_E + n_I) + n_E
    for k0 in range(0, n_I, BK):
        k = k0 + tl.arange(0, BK)
        s_I = tl.load(X + start[:, None] + k[None, :], live[:, None] & (k < n_I)[None, :], 0.0)
        if RECTIFY:
            s_I = tl.where(s_I <= 0, 0.0, s_I)  # NaN stays, as in torch
        mask = (c < n_E)[None, :] & (k < n_I)[:, None]
        w = tl.load(W_EI + c[None, :] * n_I + k[:, None], mask, 0.0)
        if SUB:
            I_sub += tl.dot(s_I, w, input_precision=PRECISION, out_dtype=I_sub.dtype)
        if DIV:
            g = tl.load(g_I + k, k < n_I, 0.0)
            scaled = s_I * g[None, :]
            I_div += tl.dot(scaled, w, input_precision=PRECISION, out_dtype=I_div.dtype)
    return I_sub, I_div


@triton.jit
def divided(
    X, W_EI, g_I, numbers, limits, row, live, c, N, P, n_E, n_I,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, RECTIFY: tl.constexpr, SUB: tl.constexpr,
    DIV: tl.constexpr, STABILISER: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Returns q = (I_ee - I_sub) / D and 1 / D [BM, BN]; both are 0 in a silent sample.

    STABILISER counts as in `eisnn.kernels.rules.STABILISERS`.
    """
    I_sub, D = inhibition(
        X, W_EI, g_I, row, live, c, n_E, n_I, BM, BN, BK, RECTIFY, SUB, DIV, PRECISION
    )
    inside = live[:, None] & (c < n_E)[None, :]
    start = row.to(tl.int64) * (n_E + n_I)
    net = tl.load(X + start[:, None] + c[None, :], inside, 0.0)
    if SUB:
        net -= I_sub
    inverse = tl.full((BM, BN), 1.0, X.dtype.element_ty)
    if DIV:
        if STABILISER == 0:
            largest = tl.load(limits + row // P, live, 0.0)
            smallest = tl.load(limits + N + row // P, live, 1.0)[:, None]
            floor = tl.load(numbers + ZERO_FLOOR)
            tolerance = tl.maximum(largest * tl.load(numbers + ZERO_TOLERANCE), floor)[:, None]
            # Written as the straight-through estimator computes it: an overflow becomes NaN.
            D = tl.where(tl.abs(D) <= tolerance, D + (smallest - D), D)
            silent = (largest <= floor)[:, None]
            inverse = tl.where(silent, 0.0, 1.0 / tl.where(inside & ~silent, D, 1.0))
            net = tl.where(silent, 0.0, net)
        else:
            if STABILISER == 1:
                D += tl.load(numbers + EPSILON)
            if STABILISER == 2:
                epsilon = tl.load(numbers + EPSILON)
                D = tl.where(epsilon > D, epsilon, D)
            inverse = 1.0 / tl.where(inside, D, 1.0)
    return net * inverse, inverse


@triton.jit
def surrogate_gradient(x, alpha, SURROGATE: tl.constexpr):
    """h(x), counted as in `eisnn.kernels.rules.SURROGATES`."""
    if SURROGATE == 0:
        q = 1.0 / (1.0 + tl.exp(-alpha * x))
        h = alpha * q * (1.0 - q)
    elif SURROGATE == 1:
        y = 1.5707963267948966 * alpha * x
        h = 0.5 * alpha / (1.0 + y * y)
    else:
        h = alpha * tl.maximum(1.0 - alpha * tl.abs(x), 0.0)
    return h


@triton.jit
def after_reset(v, spike, threshold, SOFT: tl.constexpr):
    """u, the membrane potential after the spikes."""
    return v - threshold * spike if SOFT else v * (1.0 - spike)

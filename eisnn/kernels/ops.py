"""Our operations as torch knows them: schemas, shapes for tracing, and gradients.

They are defined here, in Python, and exist on every machine; the backends (cpu/, gpu/) implement
them. On a CPU, cpu/autograd.cpp takes the place of the gradients below, which saves Python's time
at each call. `circuit_spikes` equals `lif(integrate(...))`, forward and backward; the tests in
tests/eisnn/kernels compare the two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from eisnn.layers.circuit import without_autocast

LIBRARY = torch.library.Library("eisnn", "FRAGMENT")
LIBRARY.define(
    "circuit_layer(Tensor x, Tensor W_EE, Tensor W_IE, Tensor W_EI, Tensor g_I, Tensor g_E, "
    "Tensor b_E, int T, bool shared, float[] rules) -> (Tensor, Tensor, Tensor)"
)
LIBRARY.define("project_(Tensor(a!)[] parameters) -> ()")
LIBRARY.define("convolve3x3(Tensor input, Tensor weight, bool turned) -> Tensor")
LIBRARY.define("convolve3x3_weight(Tensor upstream, Tensor input) -> Tensor")
LIBRARY.define(
    "circuit_spikes(Tensor input, Tensor W_EI, Tensor g_I, Tensor g_E, Tensor b_E, "
    "Tensor? residual, int T, bool shared, bool pool, float[] rules) -> (Tensor, Tensor)"
)
LIBRARY.define(
    "circuit_spikes_backward(Tensor upstream, Tensor input, Tensor W_EI, Tensor g_I, Tensor g_E, "
    "Tensor b_E, Tensor kept, int T, bool shared, bool pool, float[] rules) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)


def circuit_spikes(
    current: Tensor,
    W_EI: Tensor,
    g_I: Tensor,
    g_E: Tensor,
    b_E: Tensor,
    *,
    rules: list[float],
    T: int,
    shared: bool = False,
    pool: bool = False,
    residual: Tensor | None = None,
) -> Tensor:
    """Returns the spikes of a hidden circuit layer from the joint map of its input.

    Args:
        current: [T*B, n_E + n_I, ...], I_ee and I_ie side by side; with ``shared`` [B, ...], the
            same at every step. 0 or 2 trailing positions; fastest if channels-last. Half precision
            is widened to float32.
        W_EI, g_I, g_E, b_E: as in `eisnn.layers.circuit.integrate`. Without inhibitory cells (W_EI
            [n_E, 0]), LIF cells are driven by ``current`` itself.
        rules: see `eisnn.kernels.rules`.
        pool: whether to return the 2x2 averages of the spikes (even maps only).
        residual: [T*B, n_E, ...], added to the spikes after pooling.

    Returns:
        [T*B, n_E, ...], channels-last.
    """
    if current.dtype not in (torch.float32, torch.float64):
        current = current.float()
    if residual is not None:
        residual = residual.to(current.dtype)
    with without_autocast(current):  # the kernel's own products stay in float32 too
        return torch.ops.eisnn.circuit_spikes(
            current, W_EI, g_I, g_E, b_E, residual, T, shared, pool, rules
        )[0]


def lif_spikes(current: Tensor, **options: Any) -> Tensor:
    """Returns spikes of LIF cells driven by ``current`` [T*B, n, ...] (``shared``: [B, n, ...]).

    The options are those of `circuit_spikes`.
    """
    dtype = torch.float64 if current.dtype == torch.float64 else torch.float32
    none = current.new_empty(0, dtype=dtype)
    return circuit_spikes(current, none.view(current.shape[1], 0), none, none, none, **options)


# --- circuit and cells


def _new_map(like: Tensor, N: int, n: int, shrink: int = 1) -> Tensor:
    if like.dim() == 2:
        return like.new_empty(N, n)
    shape = (N, n, like.shape[2] // shrink, like.shape[3] // shrink)
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


def _fake(
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
    N = current.shape[0] * (T if shared else 1)
    cells, inhibited = current.shape[1] - W_EI.shape[1], W_EI.shape[1] > 0
    out = _new_map(current, N, cells, 2 if pool else 1)
    if current.device.type == "cuda":
        from eisnn.kernels.gpu import sizes

        layer = sizes.describe(current, W_EI, T, shared, pool, rules)
        return out, current.new_empty(sizes.kept_size(layer))
    if not inhibited:
        return out, current.new_empty(0, 2)
    return out, current.new_empty(current.shape[0], 2 * cells if current.dim() == 2 else 2)


def _fake_backward(
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
) -> tuple[Tensor, ...]:
    weights = (W_EI, g_I, g_E, b_E)
    grads = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in weights]
    return _new_map(current, current.shape[0], current.shape[1]), *grads


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    current, W_EI, g_I, g_E, b_E, _residual, *ctx.options = inputs
    if current.device.type != "cpu" and W_EI.shape[1] == 0:
        # The membrane potentials are kept, and cells alone need nothing but the current's shape.
        current = current.new_empty(()).expand(current.shape)
    ctx.save_for_backward(current, W_EI, g_I, g_E, b_E, output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)  # else `kept` would get a gradient full of zeros


def _backward(ctx: Any, upstream: Tensor, _: None) -> tuple[Tensor | None, ...]:
    grads = torch.ops.eisnn.circuit_spikes_backward(upstream, *ctx.saved_tensors, *ctx.options)
    return *grads, upstream if ctx.needs_input_grad[5] else None, None, None, None, None


torch.library.register_fake("eisnn::circuit_spikes", _fake, lib=LIBRARY)
torch.library.register_fake("eisnn::circuit_spikes_backward", _fake_backward, lib=LIBRARY)
torch.library.register_autograd(
    "eisnn::circuit_spikes", _backward, setup_context=_setup_context, lib=LIBRARY
)


# --- a fully connected circuit with its input's map


def layer_spikes(
    x: Tensor,
    W_EE: Tensor,
    W_IE: Tensor,
    W_EI: Tensor,
    g_I: Tensor,
    g_E: Tensor,
    b_E: Tensor,
    *,
    rules: list[float],
    T: int,
    shared: bool,
) -> Tensor:
    """Returns the spikes [T*B, n_E] of a fully connected layer from its input x [T*B, in], or [B,
    in] with ``shared``; see `circuit_spikes`. On a CPU, in float32 or float64."""
    return torch.ops.eisnn.circuit_layer(x, W_EE, W_IE, W_EI, g_I, g_E, b_E, T, shared, rules)[0]


def _fake_layer(
    x: Tensor,
    W_EE: Tensor,
    W_IE: Tensor,
    W_EI: Tensor,
    g_I: Tensor,
    g_E: Tensor,
    b_E: Tensor,
    T: int,
    shared: bool,
    rules: list[float],
) -> tuple[Tensor, Tensor, Tensor]:
    current = x.new_empty(x.shape[0], W_EE.shape[0] + W_IE.shape[0])
    spikes, kept = _fake(current, W_EI, g_I, g_E, b_E, None, T, shared, False, rules)
    return spikes, current, kept


def _setup_layer(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    *tensors, T, shared, ctx.rules = inputs
    ctx.steps = (T, shared)
    ctx.save_for_backward(*tensors, *output[1:])
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)


def _backward_layer(ctx: Any, upstream: Tensor, *_: None) -> tuple[Tensor | None, ...]:
    x, W_EE, W_IE, *weights, current, kept = ctx.saved_tensors
    d_current, *grads = torch.ops.eisnn.circuit_spikes_backward(
        upstream, current, *weights, kept, *ctx.steps, False, ctx.rules
    )
    d_ee, d_ie = d_current.split([W_EE.shape[0], W_IE.shape[0]], dim=1)
    dx = None
    if ctx.needs_input_grad[0]:
        dx = torch.addmm(d_ee @ W_EE, d_ie, W_IE)
    return dx, d_ee.t() @ x, d_ie.t() @ x, *grads, None, None, None


torch.library.register_fake("eisnn::circuit_layer", _fake_layer, lib=LIBRARY)
torch.library.register_autograd(
    "eisnn::circuit_layer", _backward_layer, setup_context=_setup_layer, lib=LIBRARY
)


# --- the 3x3 convolution


def _fake_convolve(x: Tensor, weight: Tensor, turned: bool) -> Tensor:
    return _new_map(x, x.shape[0], weight.shape[1 if turned else 0])


def _fake_convolve_weight(upstream: Tensor, x: Tensor) -> Tensor:
    return x.new_empty(upstream.shape[1], x.shape[1], 3, 3)


def _setup_convolve(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])


def _backward_convolve(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x, weight = ctx.saved_tensors
    dx = dw = None
    if ctx.needs_input_grad[0]:
        dx = torch.ops.eisnn.convolve3x3(upstream, weight, True)
    if ctx.needs_input_grad[1]:
        dw = torch.ops.eisnn.convolve3x3_weight(upstream, x)
    return dx, dw, None


torch.library.register_fake("eisnn::convolve3x3", _fake_convolve, lib=LIBRARY)
torch.library.register_fake("eisnn::convolve3x3_weight", _fake_convolve_weight, lib=LIBRARY)
torch.library.register_autograd(
    "eisnn::convolve3x3", _backward_convolve, setup_context=_setup_convolve, lib=LIBRARY
)

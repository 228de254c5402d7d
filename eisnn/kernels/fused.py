"""The fast path of a layer: circuit and cells as one operation of a C++ kernel, eisnn/kernels/cpu/circuit.cpp.

`circuit_spikes` equals `lif(integrate(...))`, forward and backward (tests/eisnn/test_fused.py holds them together). `supports` says for
which layers; every other layer, every other device and every machine without a compiler takes the readable path of circuit.py and
neurons.py. ``EISNN_KERNELS=off`` forces that.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.config.trial import CircuitConfig, NeuronConfig, TrialConfig
from eisnn.kernels.cpu import build
from eisnn.layers.circuit import (
    ZERO_FLOOR,
    ZERO_FLOOR_DEFAULT,
    ZERO_TOLERANCE,
    ZERO_TOLERANCE_DEFAULT,
    CircuitLayer,
    without_autocast,
)
from eisnn.layers.neurons import DEFAULT_ALPHA, LIF
from eisnn.layers.normalize import NormalizedLayer

STABILISERS = (
    "min_positive",
    "epsilon",
    "clamp",
    "none",
)  # by the numbers that the kernel knows them by
SURROGATES = ("sigmoid", "atan", "triangle")


class Rules(NamedTuple):
    """What the kernel needs to know of a layer's config, as numbers; the order is that of ``struct Rules`` in circuit.cpp."""

    subtractive: float = 0
    divisive: float = 0
    rectify: float = 0
    stabiliser: float = 0
    zero_tolerance: float = 0
    zero_floor: float = 0
    epsilon: float = 0
    detach: float = 0
    scale_W_EI: float = 1
    scale_g_I: float = 1
    decay: float = 0.5
    threshold: float = 1
    surrogate: float = 0
    alpha: float = 4
    soft: float = 1
    detach_reset: float = 1


def supports(circuit: CircuitConfig | None, neuron: NeuronConfig) -> str | None:
    """None if the kernel can run a hidden layer of this kind (circuit None: LIF cells alone), else why not."""
    if neuron.learnable_tau:
        return "neuron.learnable_tau has no kernel"
    if circuit is not None:
        prop = circuit.prop
        if circuit.inhibitory_cells != "linear":
            return f"circuit.inhibitory_cells: {circuit.inhibitory_cells} has no kernel"
        if (
            circuit.divisive
            and not prop.straight_through
            and not prop.detach
            and prop.stabiliser in ("min_positive", "clamp")
        ):
            return f"circuit.prop.straight_through: off has no kernel with stabiliser: {prop.stabiliser}"
    return build.load()


def path(config: TrialConfig, device: str) -> str:
    """How our blocks in the network of ``config`` are computed on ``device``: "kernel", or "plain: " and why."""
    reason = (
        "the kernels are for CPUs" if device != "cpu" else supports(config.circuit, config.neuron)
    )
    return ("kernel" if reason is None else f"plain: {reason}") + (
        ", compiled" if config.train.compile else ""
    )


def block_spikes(
    drive: nn.Module,
    neuron: LIF,
    x: Tensor,
    shared: bool = False,
    pool: bool = False,
    residual: Tensor | None = None,
) -> Tensor:
    """What `eisnn.networks.network.Block` computes, by the kernel. Only for what `supports` supports, on a CPU."""
    current = map_input(drive, x) if isinstance(drive, CircuitLayer) else normalized(drive, x)
    pools = pool and current.shape[2] % 2 == 0 and current.shape[3] % 2 == 0
    last = pools or not pool  # the residual comes after the pooling
    options: dict[str, Any] = {
        "T": neuron.T,
        "shared": shared,
        "pool": pools,
        "residual": residual if last else None,
    }
    if isinstance(drive, CircuitLayer):
        numbers = rules(
            drive.config, neuron.config, n_E=drive.W_EE.shape[0], fan_in=drive.fan_in, dtype=x.dtype
        )
        weights = [drive.weight(name) for name in ("W_EI", "g_I", "g_E", "b_E")]
        spikes = circuit_spikes(current, *weights, rules=numbers, **options)
    else:
        spikes = lif_spikes(current, rules=rules(None, neuron.config), **options)
    if last:
        return spikes
    spikes = F.avg_pool2d(spikes, 2)
    return spikes if residual is None else spikes + residual


def map_input(drive: CircuitLayer, x: Tensor) -> Tensor:
    """I_ee and I_ie side by side, [N, n_E + n_I, ...]."""
    if drive.kernel is None and not torch.is_autocast_enabled("cpu"):
        return torch.ops.eisnn.map_both(x, *drive.input_weights())
    weight = drive.joint_weight()
    current = None if drive.kernel is None else convolve(x, weight, drive.stride, drive.padding)
    return drive.map_input(x, weight) if current is None else current


def normalized(drive: nn.Module, x: Tensor) -> Tensor:
    """The current of a baseline's layer, or of a layer of the user's; the baselines' convolutions are as fast as the circuits'."""
    if not isinstance(drive, NormalizedLayer) or type(drive.map) is not nn.Conv2d:
        return drive(x)
    conv: nn.Conv2d = drive.map
    current = convolve(x, conv.weight, conv.stride[0], int(conv.padding[0]))
    if current is None:
        return drive(x)
    return drive.norm(current if conv.bias is None else current + conv.bias[:, None, None])


def convolve(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor | None:
    """The convolution by something faster than torch's, where there is such a thing for the shape and type."""
    if (
        weight.shape[2:] != (3, 3)
        or stride != 1
        or padding != 1
        or torch.is_autocast_enabled("cpu")
    ):
        return None
    if x.shape[2] == x.shape[3] == 1:
        return F.linear(x.flatten(1), weight[:, :, 1, 1])[
            :, :, None, None
        ]  # the other taps see padding
    if x.dtype == torch.float32 and x.shape[1] >= 16:
        return torch.ops.eisnn.convolve3x3(x, weight, False)
    return None


def rules(
    circuit: CircuitConfig | None,
    neuron: NeuronConfig,
    *,
    n_E: int = 1,
    fan_in: int = 1,
    dtype: torch.dtype = torch.float32,
) -> list[float]:
    """The kernel's view of a layer with n_E excitatory cells of ``fan_in`` inputs each."""
    cells = {
        "decay": 1 - 1 / neuron.tau,
        "threshold": neuron.threshold,
        "surrogate": SURROGATES.index(neuron.surrogate),
        "alpha": DEFAULT_ALPHA[neuron.surrogate] if neuron.alpha is None else neuron.alpha,
        "soft": neuron.reset == "soft",
        "detach_reset": neuron.detach_reset,
    }
    if circuit is None:
        return [float(value) for value in Rules(**cells)]
    prop = circuit.prop
    inhibition = {
        "subtractive": circuit.subtractive,
        "divisive": circuit.divisive,
        "rectify": circuit.dale == "none",
        "stabiliser": STABILISERS.index(prop.stabiliser),
        "zero_tolerance": ZERO_TOLERANCE.get(dtype, ZERO_TOLERANCE_DEFAULT),
        "zero_floor": ZERO_FLOOR.get(dtype, ZERO_FLOOR_DEFAULT),
        "epsilon": 1e-6 if prop.epsilon is None else prop.epsilon,
        "detach": prop.detach,
        "scale_W_EI": float(fan_in) ** -prop.grad_scale_exponent,
        "scale_g_I": 1 / (math.sqrt(n_E) * fan_in) if prop.corrections == "dann" else 1,
    }
    return [float(value) for value in Rules(**cells, **inhibition)]


def circuit_spikes(
    current: Tensor, W_EI: Tensor, g_I: Tensor, g_E: Tensor, b_E: Tensor, *, rules: list[float], T: int, shared: bool = False,
    pool: bool = False, residual: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Spikes of a hidden circuit layer from the joint map of its input.

    Args:
        current: [T*B, n_E + n_I, ...], I_ee and I_ie side by side; with ``shared`` [B, ...], the same at every step.
            0 or 2 trailing positions; fastest if channels-last. Half precision is widened to float32.
        W_EI, g_I, g_E, b_E: as in `eisnn.layers.circuit.integrate`. No inhibitory cells (W_EI [n_E, 0]): LIF cells driven by ``current``.
        rules: see `rules`.
        pool: return the 2x2 averages of the spikes (even maps only).
        residual: [T*B, n_E, ...], added to the (pooled) spikes.

    Returns:
        [T*B, n_E, ...], channels-last.
    """
    if current.dtype not in (torch.float32, torch.float64):
        current = current.float()
    if residual is not None:
        residual = residual.to(current.dtype)
    with without_autocast(current):  # the kernel's own products too stay in float32
        return torch.ops.eisnn.circuit_spikes(
            current, W_EI, g_I, g_E, b_E, residual, T, shared, pool, rules
        )[0]


def lif_spikes(current: Tensor, **options: Any) -> Tensor:
    """Spikes of LIF cells driven by ``current`` [T*B, n, ...] (``shared``: [B, n, ...]); options as of `circuit_spikes`."""
    none = current.new_empty(
        0, dtype=current.dtype if current.dtype == torch.float64 else torch.float32
    )
    return circuit_spikes(current, none.view(current.shape[1], 0), none, none, none, **options)


# ---- the operation, for autograd and for tracing ---------------------------------------------------------------------------------


def _new_map(like: Tensor, N: int, n: int, shrink: int = 1) -> Tensor:
    if like.dim() == 2:
        return like.new_empty(N, n)
    shape = (N, n, like.shape[2] // shrink, like.shape[3] // shrink)
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


def _fake(current, W_EI, g_I, g_E, b_E, residual, T, shared, pool, rules):  # type: ignore[no-untyped-def]
    N, cells, inhibited = (
        current.shape[0] * (T if shared else 1),
        current.shape[1] - W_EI.shape[1],
        W_EI.shape[1] > 0,
    )
    kept = current.new_empty(
        current.shape[0] if inhibited else 0, 2 * cells if inhibited and current.dim() == 2 else 2
    )
    return _new_map(current, N, cells, 2 if pool else 1), kept


def _fake_backward(upstream, current, W_EI, g_I, g_E, b_E, kept, T, shared, pool, rules):  # type: ignore[no-untyped-def]
    grads = (
        torch.empty_like(x, memory_format=torch.contiguous_format) for x in (W_EI, g_I, g_E, b_E)
    )
    return _new_map(current, current.shape[0], current.shape[1]), *grads


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    current, W_EI, g_I, g_E, b_E, _residual, *ctx.options = inputs
    ctx.save_for_backward(current, W_EI, g_I, g_E, b_E, output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    grads = torch.ops.eisnn.circuit_spikes_backward(upstream, *ctx.saved_tensors, *ctx.options)
    return *grads, upstream if ctx.needs_input_grad[5] else None, None, None, None, None


def _fake_map(x: Tensor, W_EE: Tensor, W_IE: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], W_EE.shape[0] + W_IE.shape[0])


def _setup_map(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward_map(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
    x, W_EE, W_IE = ctx.saved_tensors
    d_ee, d_ie = upstream.split([W_EE.shape[0], W_IE.shape[0]], dim=1)
    dx = torch.addmm(d_ee @ W_EE, d_ie, W_IE) if ctx.needs_input_grad[0] else None
    return dx, d_ee.t() @ x, d_ie.t() @ x


def _fake_convolve(x: Tensor, weight: Tensor, turned: bool) -> Tensor:
    return _new_map(x, x.shape[0], weight.shape[1 if turned else 0])


def _fake_convolve_weight(upstream: Tensor, x: Tensor) -> Tensor:
    return x.new_empty(upstream.shape[1], x.shape[1], 3, 3)


def _setup_convolve(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])


def _backward_convolve(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x, weight = ctx.saved_tensors
    dx = torch.ops.eisnn.convolve3x3(upstream, weight, True) if ctx.needs_input_grad[0] else None
    return (
        dx,
        torch.ops.eisnn.convolve3x3_weight(upstream, x) if ctx.needs_input_grad[1] else None,
        None,
    )


if build.load() is None:
    torch.library.register_fake("eisnn::circuit_spikes", _fake)
    torch.library.register_fake("eisnn::circuit_spikes_backward", _fake_backward)
    torch.library.register_autograd(
        "eisnn::circuit_spikes", _backward, setup_context=_setup_context
    )
    torch.library.register_fake("eisnn::map_both", _fake_map)
    torch.library.register_autograd("eisnn::map_both", _backward_map, setup_context=_setup_map)
    torch.library.register_fake("eisnn::convolve3x3", _fake_convolve)
    torch.library.register_fake("eisnn::convolve3x3_weight", _fake_convolve_weight)
    torch.library.register_autograd(
        "eisnn::convolve3x3", _backward_convolve, setup_context=_setup_convolve
    )

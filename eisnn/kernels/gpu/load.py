"""Makes the Triton backend available, once it has agreed with the readable path on the device."""

from __future__ import annotations

import functools
import os

import torch
import torch.nn.functional as F
from torch import Tensor

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels import ops
from eisnn.kernels.rules import rules
from eisnn.layers.circuit import integrate
from eisnn.layers.neurons import lif

FLIPPED = 0.005  # share of spikes that rounding may flip
APART = 0.01  # allowed relative distance of gradients, flips included


@functools.cache
def why_unavailable() -> str | None:
    """Loads the kernels, compiles a few and compares them with the readable path.

    Returns why they cannot be used, or None.
    """
    if os.environ.get("EISNN_KERNELS", "on").lower() in ("off", "0", "no", "false"):
        return "EISNN_KERNELS=off"
    if not torch.cuda.is_available():
        return "the Triton kernels need a GPU"
    try:
        register("CUDA")
        return why_different(torch.device("cuda"))
    except Exception as error:  # The readable path works without whatever is missing.
        text = " ".join(str(error).split())
        return f"the Triton kernels cannot be used: {type(error).__name__}: {text}"[:300]


def register(dispatch_key: str) -> None:
    """Registers the operations' implementation for a type of device. Imports triton."""
    from eisnn.kernels.gpu import circuit

    ops.LIBRARY.impl("circuit_spikes", circuit.circuit_spikes, dispatch_key)
    ops.LIBRARY.impl("circuit_spikes_backward", circuit.circuit_spikes_backward, dispatch_key)


def why_different(device: torch.device) -> str | None:
    """Runs one small batch on both paths; returns where they differ, or None."""
    n_E, n_I, T = 40, 10, 2
    draw = torch.Generator().manual_seed(0)  # its own, so that no other random numbers change
    circuit, neuron = CircuitConfig(), NeuronConfig()
    shapes = [(2 * T, n_E + n_I, 4, 4), (n_E, n_I), (n_I,), (n_E,), (n_E,)]
    inputs = [torch.rand(shape, generator=draw) for shape in shapes]
    inputs[0][:, :n_E] *= 8
    inputs[0][0, n_E:] = 0  # one silent sample
    with torch.enable_grad():
        leaves = [x.to(device).requires_grad_() for x in inputs]
        current, W_EI, g_I, g_E, b_E = leaves
        numbers = rules(circuit, neuron, n_E=n_E, fan_in=9)
        ours = ops.circuit_spikes(*leaves, rules=numbers, T=T, pool=True)
        I_int = integrate(current[:, :n_E], current[:, n_E:], W_EI, g_I, g_E, b_E, fan_in=9)
        readable = F.avg_pool2d(lif(I_int.unflatten(0, (T, -1))).flatten(0, 1), 2)
        upstream = torch.rand(readable.shape, generator=draw).to(device)
        gradients = [torch.autograd.grad(out, leaves, upstream) for out in (ours, readable)]
    if (ours != readable).float().mean().item() > 4 * FLIPPED:  # a pooled value holds four
        return "the Triton kernels differ from the readable path: spikes"
    names = ("current", "W_EI", "g_I", "g_E", "b_E")
    for name, a, b in zip(names, *gradients, strict=True):
        if not _close(a, b):
            return f"the Triton kernels differ from the readable path: gradient of {name}"
    return None


def _close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).norm() <= APART * b.norm())

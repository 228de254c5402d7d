"""Computes a whole block by kernels: its input's map, then circuit and cells as one operation."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.kernels.choose import has_own_maps
from eisnn.kernels.ops import circuit_spikes, layer_spikes, lif_spikes
from eisnn.kernels.rules import rules
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.drive import Drive
from eisnn.layers.neurons import LIF
from eisnn.layers.normalize import NormalizedLayer


def block_spikes(
    drive: Drive,
    neuron: LIF,
    x: Tensor,
    shared: bool = False,
    pool: bool = False,
    residual: Tensor | None = None,
) -> Tensor:
    """Computes an `eisnn.networks.network.Block`, for layers and devices that have a backend."""
    circuit = drive if isinstance(drive, CircuitLayer) else None
    if circuit is not None and is_one_operation(circuit, x):
        spikes = layer_spikes(
            x,
            *circuit.input_weights(),
            *inhibition_weights(circuit),
            rules=numbers_of(circuit, neuron, x),
            T=neuron.T,
            shared=shared,
        )
        return spikes if residual is None else spikes + residual
    current = normalized(drive, x) if circuit is None else map_input(circuit, x)
    pools = pool and current.shape[2] % 2 == 0 and current.shape[3] % 2 == 0
    last = pools or not pool  # the residual comes after the pooling
    options: dict[str, Any] = {
        "T": neuron.T,
        "shared": shared,
        "pool": pools,
        "residual": residual if last else None,
    }
    if circuit is not None:
        numbers = numbers_of(circuit, neuron, x)
        spikes = circuit_spikes(current, *inhibition_weights(circuit), rules=numbers, **options)
    else:
        spikes = lif_spikes(current, rules=rules(None, neuron.config), **options)
    if last:
        return spikes
    spikes = F.avg_pool2d(spikes, 2)
    return spikes if residual is None else spikes + residual


def is_one_operation(circuit: CircuitLayer, x: Tensor) -> bool:
    """Whether the map and the circuit are one operation: fully connected layers on our own maps."""
    if circuit.kernel is not None or not has_own_maps(x.device.type):
        return False
    return not torch.is_autocast_enabled("cpu")


def numbers_of(circuit: CircuitLayer, neuron: LIF, x: Tensor) -> list[float]:
    """Returns the rules of a circuit layer for this input."""
    return rules(
        circuit.config,
        neuron.config,
        n_E=circuit.W_EE.shape[0],
        fan_in=circuit.fan_in,
        dtype=x.dtype,
    )


def inhibition_weights(circuit: CircuitLayer) -> list[Tensor]:
    """Returns the weights after the input's map: W_EI, the gains, the bias."""
    return [circuit.weight(name) for name in ("W_EI", "g_I", "g_E", "b_E")]


def map_input(drive: CircuitLayer, x: Tensor) -> Tensor:
    """Returns I_ee and I_ie side by side, [N, n_E + n_I, ...]."""
    weight = drive.joint_weight()
    current = None
    if drive.kernel is not None and has_own_maps(x.device.type):
        current = convolve(x, weight, drive.stride, drive.padding)
    if current is not None:
        return current
    if x.dim() == 4:  # makes the current channels-last too, as the kernels read it
        x = x.contiguous(memory_format=torch.channels_last)
    return drive.map_input(x, weight)


def normalized(drive: Drive, x: Tensor) -> Tensor:
    """Returns the current of a baseline's layer, or of a layer of the user's.

    Gives the baselines the circuits' fast convolutions on a CPU.
    """
    if not isinstance(drive, NormalizedLayer) or type(drive.map) is not nn.Conv2d:
        return drive(x)
    conv: nn.Conv2d = drive.map
    current = None
    if has_own_maps(x.device.type):
        current = convolve(x, conv.weight, conv.stride[0], int(conv.padding[0]))
    if current is None:
        return drive(x)
    if conv.bias is not None:
        current = current + conv.bias[:, None, None]
    return drive.norm(current)


def convolve(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor | None:
    """Returns a convolution computed faster than by torch on the CPU; None if nothing is faster."""
    is_3x3 = weight.shape[2:] == (3, 3) and stride == 1 and padding == 1
    if not is_3x3 or torch.is_autocast_enabled("cpu"):
        return None
    if x.shape[2] == x.shape[3] == 1:  # all taps but the middle one see only padding
        return F.linear(x.flatten(1), weight[:, :, 1, 1])[:, :, None, None]
    if x.dtype == torch.float32 and x.shape[1] >= 16:
        return torch.ops.eisnn.convolve3x3(x, weight, False)
    return None

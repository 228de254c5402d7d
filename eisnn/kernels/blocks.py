"""A whole block of cells by kernels: its input's map, then circuit and cells as one operation."""

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
    """What `eisnn.networks.network.Block` computes, for layers and devices that have a backend."""
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
    """Whether the map and the circuit are computed at once: fully connected, by our own maps."""
    if circuit.kernel is not None or not has_own_maps(x.device.type):
        return False
    return not torch.is_autocast_enabled("cpu")


def numbers_of(circuit: CircuitLayer, neuron: LIF, x: Tensor) -> list[float]:
    """The rules of a circuit layer for this input."""
    return rules(
        circuit.config,
        neuron.config,
        n_E=circuit.W_EE.shape[0],
        fan_in=circuit.fan_in,
        dtype=x.dtype,
    )


def inhibition_weights(circuit: CircuitLayer) -> list[Tensor]:
    """What stands behind the map of the input: W_EI, the gains, the bias."""
    return [circuit.weight(name) for name in ("W_EI", "g_I", "g_E", "b_E")]


def map_input(drive: CircuitLayer, x: Tensor) -> Tensor:
    """I_ee and I_ie side by side, [N, n_E + n_I, ...]."""
    weight = drive.joint_weight()
    current = None
    if drive.kernel is not None and has_own_maps(x.device.type):
        current = convolve(x, weight, drive.stride, drive.padding)
    if current is not None:
        return current
    if x.dim() == 4:  # then the current is channels-last too, as the kernels read it
        x = x.contiguous(memory_format=torch.channels_last)
    return drive.map_input(x, weight)


def normalized(drive: Drive, x: Tensor) -> Tensor:
    """The current of a baseline's layer, or of a layer of the user's.

    On a CPU the baselines' convolutions are as fast as the circuits'.
    """
    if not isinstance(drive, NormalizedLayer) or type(drive.map) is not nn.Conv2d:
        return drive(x)
    conv: nn.Conv2d = drive.map
    current = None
    if has_own_maps(x.device.type):
        current = convolve(x, conv.weight, conv.stride[0], int(conv.padding[0]))
    if current is None:
        return drive(x)
    return drive.norm(current if conv.bias is None else current + conv.bias[:, None, None])


def convolve(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor | None:
    """A convolution on the CPU by something faster than torch's; None if there is nothing."""
    is_3x3 = weight.shape[2:] == (3, 3) and stride == 1 and padding == 1
    if not is_3x3 or torch.is_autocast_enabled("cpu"):
        return None
    if x.shape[2] == x.shape[3] == 1:  # the eight taps around the middle see padding
        return F.linear(x.flatten(1), weight[:, :, 1, 1])[:, :, None, None]
    if x.dtype == torch.float32 and x.shape[1] >= 16:
        return torch.ops.eisnn.convolve3x3(x, weight, False)
    return None

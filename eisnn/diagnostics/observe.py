"""Observes a network from outside: what reaches each layer, and what it returns.

Leaves no trace in the network. A "layer" is what `Network.driven` yields: a block of cells (its
drive is an E-I circuit, or a linear map + normalisation), or the read-out. Energy, diagnostics and
distributions are built on `watch`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import LIF
from eisnn.networks.network import Block, Network, repeat_over_time

SAMPLE = 2**17  # entries of a large tensor that histograms, quantiles and moments look at


class Layer(NamedTuple):
    """One layer of a network.

    ``name`` is the circuit's own (``features.0``, ``stage1.0.2``, ``output``), or else the module's
    path.
    """

    name: str
    module: nn.Module  # the block, or the read-out: what is called with the layer's input
    drive: nn.Module  # what holds the weights

    @property
    def circuit(self) -> CircuitLayer | None:
        """The drive if it is an E-I circuit."""
        return self.drive if isinstance(self.drive, CircuitLayer) else None

    @property
    def cells(self) -> LIF | None:
        """The LIF cells; the read-out has none."""
        return self.module.neuron if isinstance(self.module, Block) else None


def layers(model: Network) -> list[Layer]:
    """Returns the layers of ``model`` from the bottom up."""
    paths = {module: path for path, module in model.named_modules()}
    return [
        Layer(getattr(drive, "name", "") or paths[module], module, drive)
        for module, drive in model.driven()
    ]


def parameters(model: Network) -> Iterator[tuple[str, str, nn.Parameter]]:
    """Yields (layer, kind, parameter) for every parameter.

    Kinds are W_EE, ..., b_E in a circuit and weight, bias, norm.weight, ... in a baseline. A
    parameter outside the layers, such as a residual gain, has the path of the module that holds it
    as its layer.
    """
    seen: set[nn.Parameter] = set()
    for layer in layers(model):
        for path, parameter in layer.module.named_parameters():
            seen.add(parameter)
            yield (
                layer.name,
                path.removeprefix("drive.").removeprefix("map.").removeprefix("neuron."),
                parameter,
            )
    for path, parameter in model.named_parameters():
        if parameter not in seen:
            owner, _, kind = path.rpartition(".")
            yield owner, kind, parameter


def as_used(circuit: CircuitLayer | None, kind: str, parameter: Tensor) -> Tensor:
    """Returns a parameter as the network uses it: after Dale's law if it belongs to a circuit."""
    if circuit is None or not hasattr(circuit, kind):
        return parameter
    return circuit.weight(kind)


@contextmanager
def watch(model: Network, see: Callable[[Layer, Tensor, bool, Tensor], None]) -> Iterator[None]:
    """While open, calls ``see(layer, x, shared, out)`` after each layer, without gradients.

    The network is in evaluation mode, which leaves running statistics alone. At the end every
    module's mode is restored.

    Args:
        see: ``x`` is the layer's input [N, ...]; with ``shared`` it is [B, ...], the same at each
            of the T steps. ``out`` is what the layer returns: spikes [T*B, ...], or the read-out's
            current.
    """

    def hook(layer: Layer) -> Callable[..., None]:
        def after(
            module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor
        ) -> None:
            shared = args[1] if len(args) > 1 else kwargs.get("shared", False)
            with torch.no_grad():
                see(layer, args[0].detach(), bool(shared), out.detach())

        return after

    modes = {module: module.training for module in model.modules()}
    handles = [
        layer.module.register_forward_hook(hook(layer), with_kwargs=True) for layer in layers(model)
    ]
    model.eval()
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode


def circuit_input(layer: CircuitLayer, x: Tensor, shared: bool) -> tuple[Tensor, Tensor]:
    """Recomputes I_ee and s_I of a circuit from its input as `watch` saw it.

    The fast paths keep neither.
    """
    I_ee, I_ie = layer.currents(_over_time(layer, layer.T, x, shared))
    return I_ee, layer.inhibitory_activity(I_ie)


def current(layer: Layer, x: Tensor, shared: bool) -> Tensor:
    """Recomputes the current that drives a block's cells.

    It is [T*B, ...], or [B, ...] if it is the same at every step.
    """
    assert isinstance(layer.module, Block)
    return layer.drive(_over_time(layer.module.drive, layer.module.neuron.T, x, shared))


def _over_time(drive: nn.Module, T: int, x: Tensor, shared: bool) -> Tensor:
    return repeat_over_time(x, T) if shared and drive.needs_time else x


def sample(x: Tensor, limit: int = SAMPLE) -> Tensor:
    """Returns at most ``limit`` entries of x [...], flat and evenly strided.

    Tensors of the same shape give the same entries. The stride shares no factor with the number of
    entries, so that it visits all channels and positions alike.
    """
    x = x.reshape(-1)
    n = x.numel()
    if n <= limit:
        return x
    stride = -(-n // limit)
    while math.gcd(stride, n) > 1:
        stride += 1
    return x[::stride]

"""Sets the weights of a whole network, one layer after the other, each from its own input."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from eisnn.config.sections.neuron import NeuronConfig
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.normalize import NormalizedLayer
from eisnn.networks import starts
from eisnn.networks.circuit_init import initialize_circuit
from eisnn.networks.network import Block, Network, Residual
from eisnn.seeding import generator

LinearMap = nn.Linear | nn.Conv2d


@torch.no_grad()
def initialize(model: Network, batch: Tensor, *, seed: int = 0, again: bool = False) -> None:
    """Initialises every layer of ``model`` on one training batch, as ``model`` takes it.

    Layers are initialised from the bottom up, each on the output of those below. A network of the
    user's keeps the weights that it was built with, except those of circuits in it.

    Raises:
        RuntimeError: the model is initialised already, and ``again`` does not say that its weights
            may be lost.
        SilentInput: a layer's input is silent; the message names the layer.
        DataError: the batch has negative values, or is a single image.
    """
    if model.initialized and not again:
        raise RuntimeError(
            "this model is initialised already; pass again=True to draw its weights anew"
        )
    start, maps = starts.start_of(model.config), _linear_maps(model)
    for linear, name in maps.items():
        if start.gain is None:
            initialize_as_the_authors(linear, name, model.config.model.arch, seed=seed)
        else:
            initialize_plain(linear, name, seed=seed)
    closed = _last_of_branches(model)
    handles = []
    for module, drive in model.driven():
        if isinstance(drive, CircuitLayer | NormalizedLayer):
            hook = _before(model, drive, maps, seed, close=drive in closed)
            handles.append(module.register_forward_pre_hook(hook))
    training = model.training
    model.initialized = True
    try:
        model.train()(batch)
    except BaseException:
        model.initialized = False
        raise
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    for layer in model.modules():  # the pass above must leave no trace in running statistics
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()


def initialize_plain(layer: LinearMap, name: str, *, seed: int, scale: float = 2.0) -> None:
    """Draws weights from N(0, scale / fan-in), Kaiming's by default, and sets biases to 0."""
    fan_in = layer.weight[0].numel()
    value = torch.empty(layer.weight.shape, dtype=torch.float64)
    value.normal_(generator=generator(seed, "init", name, "weight"))
    with torch.no_grad():
        layer.weight.copy_(value * math.sqrt(scale / fan_in))
        if layer.bias is not None:
            layer.bias.zero_()


def initialize_as_the_authors(layer: LinearMap, name: str, arch: str, *, seed: int) -> None:
    """Draws weights and biases from torch's default, U(-1/sqrt(fan-in), 1/sqrt(fan-in)).

    The convolutions of ResNets are N(0, 2 / fan-out) instead, as in He et al.
    """
    rng = generator(seed, "init", name, "weight")
    value = torch.empty(layer.weight.shape, dtype=torch.float64)
    bound = 1 / math.sqrt(layer.weight[0].numel())
    with torch.no_grad():
        if arch == "ResNet" and isinstance(layer, nn.Conv2d):
            fan_out = layer.weight[:, 0].numel()
            layer.weight.copy_(value.normal_(generator=rng) * math.sqrt(2 / fan_out))
        else:
            layer.weight.copy_(value.uniform_(-bound, bound, generator=rng))
        if layer.bias is not None:
            bias = torch.empty(layer.bias.shape, dtype=torch.float64)
            layer.bias.copy_(bias.uniform_(-bound, bound, generator=rng))


def _linear_maps(model: Network) -> dict[LinearMap, str]:
    """Returns the maps to initialise, with their names."""
    if model.keeps_own_weights:
        return {}
    return {module: name for name, module in model.named_modules() if isinstance(module, LinearMap)}


def _before(
    model: Network,
    drive: CircuitLayer | NormalizedLayer,
    names: dict[LinearMap, str],
    seed: int,
    *,
    close: bool,
) -> Any:
    """Returns a hook that sets a layer's weights from its input."""
    start, rate = starts.start_of(model.config), starts.rate_of(model.config)
    measured = model.config.model.init != "kaiming"  # kaiming's weights are drawn already

    def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
        shared = len(args) > 1 and bool(args[1])  # one input for all T steps
        if isinstance(drive, CircuitLayer):
            initialize_circuit(drive, args[0], seed=seed, repeats=model.T if shared else 1)
        elif measured and start.gain is not None and drive.map in names:
            layer = _described(model.config.neuron, rate, args[0], first=shared)
            name = names[drive.map]
            initialize_plain(drive.map, name, seed=seed, scale=start.gain(layer) ** 2)
        if close:
            _close(drive, by_gain=not start.closes_branches)

    return hook


def _last_of_branches(model: Network) -> set[nn.Module]:
    """Returns the last layer of each residual branch if it is to start silent."""
    if not (model.config.model.zero_init_residual or starts.start_of(model.config).closes_branches):
        return set()
    units = [module for module in model.modules() if isinstance(module, Residual)]
    return {block.drive for unit in units for block in unit.branch[-1:] if isinstance(block, Block)}


def _close(drive: CircuitLayer | NormalizedLayer, *, by_gain: bool) -> None:
    """Makes a layer give no current, by its gain if it has one, else by its weights."""
    if isinstance(drive, CircuitLayer):
        drive.assign("g_E", torch.zeros_like(drive.g_E))
        return
    gains = [
        parameter for name, parameter in drive.norm.named_parameters() if name.endswith("weight")
    ]
    for parameter in gains[-1:] if by_gain and gains else [drive.map.weight]:
        parameter.zero_()


def _described(cells: NeuronConfig, rate: float, x: Tensor, *, first: bool) -> starts.Layer:
    """Returns what a gain depends on. The mean square of spikes is their intended rate."""
    spikes = bool(((x == 0) | (x == 1)).all()) and not first
    mean_square = rate if spikes else x.double().square().mean().item()
    return starts.Layer(cells, rate, mean_square, first)

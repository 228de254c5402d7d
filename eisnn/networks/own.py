"""Networks and layers of the user's own, as the rest of the program asks for them.

What their code gets and must return stands in docs/extending.md. The weights that it draws are a
function of the config's seed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from eisnn.config.trial import ModelConfig, TrialConfig
from eisnn.config.user_code import UserCodeError, blame, find
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import at_least_float32
from eisnn.networks.network import Block, Network


class OwnNetwork(Network):
    """A network of the user's, as ours.

    Blocks and circuits of ours that it holds are initialised, projected and observed as in our
    networks.
    """

    keeps_own_weights = True

    def __init__(self, config: TrialConfig, net: nn.Module) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.T = config.model.T
        self.net = net
        self.initialized = False

    def driven(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        blocks = [module for module in self.modules() if isinstance(module, Block)]
        inside = {block.drive for block in blocks}
        for module in self.modules():
            if isinstance(module, Block):
                yield module, module.drive
            elif isinstance(module, CircuitLayer) and module not in inside:
                yield module, module

    def forward(self, x: Tensor, *, each_step: bool = False) -> Tensor:
        """As `Network.forward`. Their network may answer [B, classes], or [T, B, classes].

        Raises:
            UserCodeError: they answer with something else, or not with every step where the loss
                needs that.
        """
        if not self.initialized:
            self._refuse_without_weights()
        bf16 = self.config.train.precision == "bf16"
        with torch.autocast(x.device.type, torch.bfloat16) if bf16 else contextlib.nullcontext():
            answer = self.net(x)
        mean = (len(x), self.config.model.classes or 10)
        steps = (self.T, *mean)
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else None
        if shape == steps:
            logits = at_least_float32(answer)
            return logits if each_step else logits.mean(0)
        if shape == mean and not each_step:
            return at_least_float32(answer)
        wanted = f"{steps} (steps, images, classes)" if each_step else f"{mean} (images, classes)"
        given = f"shape {shape}" if shape is not None else type(answer).__name__
        raise UserCodeError(
            f"model.factory: {self.config.model.factory}: for input {tuple(x.shape)} the network"
            f" must return logits of shape {wanted}, given {given}"
        )


def own_network(config: TrialConfig) -> OwnNetwork:
    """What ``model.factory`` builds.

    It is called with the config, the shape (C, H, W) of an image, and the number of classes.

    Raises:
        UserCodeError: it is not there, raises, or returns something that is not a network.
    """
    reference = str(config.model.factory)
    factory = find(reference, "model.factory")
    with blame(f"model.factory: {reference}:"):
        net = factory(config, config.model.input_shape or (3, 32, 32), config.model.classes or 10)
    if not isinstance(net, nn.Module):
        raise UserCodeError(
            f"model.factory: {reference}: must return a torch.nn.Module, given {type(net).__name__}"
        )
    if any(isinstance(parameter, nn.UninitializedParameter) for parameter in net.parameters()):
        raise UserCodeError(
            f"model.factory: {reference}: must return a network whose parameters have shapes; "
            "call it once on zeros"
        )
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise UserCodeError(
            f"model.factory: {reference}: must return a network with parameters to train, "
            "given none"
        )
    return OwnNetwork(config, net)


def own_layer(
    inputs: int, outputs: int, *, config: ModelConfig, name: str, **shape: Any
) -> nn.Module:
    """A layer named by ``model.norm``.

    It is called with inputs, outputs and, as keywords, kernel (None: fully connected), stride,
    padding and config; maps [N, inputs, ...] to currents [N, outputs, ...].
    """
    layer = find(config.norm, "model.norm")
    with blame(f"model.norm: {config.norm}: layer {name!r}:"):
        made = layer(inputs, outputs, config=config, **shape)
    if not isinstance(made, nn.Module):
        raise UserCodeError(
            f"model.norm: {config.norm}: must be, or return, a torch.nn.Module, "
            f"given {type(made).__name__}"
        )
    setattr(made, "name", name)  # noqa: B010 - mypy takes attributes of modules for tensors
    setattr(made, "needs_time", bool(getattr(made, "needs_time", False)))  # noqa: B010
    return made

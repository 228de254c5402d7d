"""Networks and layers of the user's own, as the rest of the program asks for them.

docs/extending.md says what their code is given and must return. The weights that it draws depend on
the config's seed alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from eisnn.config.sections.model import ModelConfig
from eisnn.config.trial import TrialConfig
from eisnn.config.user_code import UserCodeError, blame, find
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import at_least_float32
from eisnn.networks.network import Block, Network


class OwnNetwork(Network):
    """Makes a network of the user's behave like ours.

    Blocks and circuits of ours in it are initialised, projected and observed as in our networks.
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
        """Does what `Network.forward` does. The user's network may return [B, classes] or [T, B,
        classes].

        Raises:
            UserCodeError: it returns something else, or not every step though the loss needs them.
        """
        if not self.initialized:
            self._refuse_without_weights()
        with self.arithmetic(x):
            answer = self.net(x)
        mean = (len(x), self.config.model.classes or 10)
        steps = (self.T, *mean)
        shape = tuple(answer.shape) if isinstance(answer, Tensor) else None
        if shape == steps:
            logits = at_least_float32(answer)
            return logits if each_step else logits.mean(0)
        if shape == mean and not each_step:
            return at_least_float32(answer)
        wanted = f"{mean} (images, classes)"
        if each_step:
            wanted = f"{steps} (steps, images, classes)"
        given = type(answer).__name__ if shape is None else f"shape {shape}"
        raise UserCodeError(
            f"model.factory: {self.config.model.factory}: for input {tuple(x.shape)} the network"
            f" must return logits of shape {wanted}, given {given}"
        )


def own_network(config: TrialConfig) -> OwnNetwork:
    """Builds the network that ``model.factory`` names.

    Calls it with the config, the shape (C, H, W) of an image, and the number of classes.

    Raises:
        UserCodeError: it does not exist, raises an error, or does not return a network.
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
    """Builds the layer that ``model.norm`` names, which maps [N, inputs, ...] to currents [N,
    outputs, ...].

    Calls it with inputs, outputs and, as keywords, kernel (None: fully connected), stride, padding
    and config.
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

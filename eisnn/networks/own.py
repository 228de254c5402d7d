"""Networks, layers, datasets and diagnostics of the user's own, as the rest of the program asks for them.

What their code gets and must return stands in docs/extending.md. Weights drawn by it are functions of the config's seed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eisnn.config.trial import ModelConfig, TrialConfig, resolved
from eisnn.config.user_code import UserCodeError, blame, find, is_reference, references
from eisnn.data.images import Source
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import at_least_float32
from eisnn.networks.network import Block, Network


class OwnNetwork(Network):
    """A network of the user's. Blocks and circuits of ours that it holds are initialised, projected and observed as in our networks."""

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

    def forward(self, x: Tensor) -> Tensor:
        """As `Network.forward`: images [B, C, H, W], or events [B, T, C, H, W] -> logits [B, classes].

        Raises:
            UserCodeError: they answer with something else.
        """
        if not self.initialized:
            self._refuse_without_weights()
        bf16 = self.config.train.precision == "bf16"
        with torch.autocast(x.device.type, torch.bfloat16) if bf16 else contextlib.nullcontext():
            logits = self.net(x)
        wanted = (len(x), self.config.model.classes or 10)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
            given = (
                f"shape {tuple(logits.shape)}"
                if isinstance(logits, Tensor)
                else type(logits).__name__
            )
            raise UserCodeError(
                f"model.factory: {self.config.model.factory}: for input {tuple(x.shape)} the network must return logits of shape "
                f"{wanted} (images, classes), given {given}"
            )
        return at_least_float32(logits)


def own_network(config: TrialConfig) -> OwnNetwork:
    """What ``model.factory`` builds: called with the config, the shape (C, H, W) of an image, and the number of classes.

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
            f"model.factory: {reference}: must return a network whose parameters have shapes; call it once on zeros"
        )
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise UserCodeError(
            f"model.factory: {reference}: must return a network with parameters to train, given none"
        )
    return OwnNetwork(config, net)


def own_layer(
    inputs: int, outputs: int, *, config: ModelConfig, name: str, **shape: Any
) -> nn.Module:
    """A layer named by ``model.norm``: called with inputs, outputs and, as keywords, kernel (None: fully connected), stride, padding and
    config; maps [N, inputs, ...] to currents [N, outputs, ...]."""
    layer = find(config.norm, "model.norm")
    with blame(f"model.norm: {config.norm}: layer {name!r}:"):
        made = layer(inputs, outputs, config=config, **shape)
    if not isinstance(made, nn.Module):
        raise UserCodeError(
            f"model.norm: {config.norm}: must be, or return, a torch.nn.Module, given {type(made).__name__}"
        )
    setattr(made, "name", name)  # noqa: B010 - mypy takes attributes of modules for tensors
    setattr(made, "needs_time", bool(getattr(made, "needs_time", False)))  # noqa: B010
    return made


def own_source(reference: str, root: Path, T: int) -> Source:
    """The dataset that ``data.name`` names: called with the data root and the number of time steps.

    Raises:
        UserCodeError: it is not there, raises, or returns something that is not a `Source` of uint8 images and their labels.
    """
    load = find(reference, "data.name")
    with blame(f"data.name: {reference}:"):
        source = load(root, T)
    problem = "must return an eisnn.data.images.Source, given " + type(source).__name__
    if isinstance(source, Source):
        problem = next(_wrong(source), "")
    if problem:
        raise UserCodeError(f"data.name: {reference}: {problem}")
    return source


def _wrong(source: Source) -> Iterator[str]:
    """What is wrong with a user's dataset."""
    for name, images, labels in (
        ("", source.images, source.labels),
        ("test_", source.test_images, source.test_labels),
    ):
        if name and images is None and labels is None:
            if not 0 < source.test_fraction < 1:
                yield "give test_images and test_labels, or a test_fraction between 0 and 1"
            continue
        if (
            not isinstance(images, np.ndarray)
            or images.dtype != np.uint8
            or images.ndim not in (4, 5)
        ):
            given = (
                f"{images.dtype} {list(images.shape)}"
                if isinstance(images, np.ndarray)
                else type(images).__name__
            )
            yield f"{name}images must be a uint8 array [N, C, H, W], or of events [N, T, C, H, W], given {given}"
        elif (
            not isinstance(labels, np.ndarray)
            or labels.dtype != np.int64
            or labels.shape != (len(images),)
            or labels.min() < 0
        ):
            given = (
                f"{labels.dtype} {list(labels.shape)}"
                if isinstance(labels, np.ndarray)
                else type(labels).__name__
            )
            yield f"{name}labels must be an int64 array [{len(images)}] of classes from 0 on, given {given}"
        elif name and images.shape[1:] != source.images.shape[1:]:
            yield f"test_images must have the shape of images, {list(source.images.shape[1:])}, given {list(images.shape[1:])}"


Measure = Callable[[nn.Module, Tensor, Tensor], Mapping[str, Mapping[str, float]]]


def own_quantities(
    reference: str, model: nn.Module, x: Tensor, y: Tensor
) -> dict[tuple[str, str], float]:
    """What a function named by ``diagnostics`` measures: (layer, own/<quantity>) -> number. Training does not notice."""
    measure: Measure = find(reference, "diagnostics")
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]), blame(f"diagnostics: {reference}:"):
            found = measure(model, x, y)
            return {
                (str(layer), f"own/{name}"): float(value)
                for layer, row in found.items()
                for name, value in row.items()
            }
    finally:
        for module, mode in modes.items():
            module.training = mode


def check(config: TrialConfig) -> None:
    """Builds the network and shows it a few random images of the dataset's shape, so that what is wrong is said before a study starts.

    Raises:
        UserCodeError: what is wrong, and where.
    """
    from eisnn.data.loading import load, shape_of
    from eisnn.networks.initialization import initialize
    from eisnn.networks.network import build_model, with_shapes

    if is_reference(config.data.name):
        load(config.data, T=config.model.T)
    frames, shape, classes = shape_of(config.data, T=config.model.T)
    model = build_model(with_shapes(config, shape, classes))
    if config.train.precision == "float64":
        model = model.double()
    x = torch.rand(2, *frames, *shape, dtype=next(model.parameters()).dtype)
    found = ", ".join(
        f"{key}: {reference}" for key, reference in references(resolved(config)).items()
    )
    with (
        blame(f"{found}: given x {list(x.shape)}, the network"),
        contextlib.suppress(RuntimeWarning),
    ):
        initialize(model, x)

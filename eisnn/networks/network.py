"""The network families: one architecture each, built from whatever layer block the config asks for.

    MLP     hidden layers of the table below, then the output layer
    VGG     3x3 convolutions and 2x2 average pools (P; left out once the map is a single pixel), then the head
    ResNet  SEW-ResNet (Fang et al. 2021, "add"): each block is circuit-LIF, circuit-LIF (bottlenecks: three), then out + identity

A block is a ``drive`` (an E-I circuit, or a linear map + normalisation) and LIF cells. Activity is merged over time: [T*B, ...],
time outermost. A static image reaches the first block once, [B, ...], which computes its current once for all T steps.
Tables: Liu, Ding, Yu, ICLR 2026, and its authors' configs; sizes 4 and 5 of VGG are ours, for 8x8 and 28x28 images.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.config.trial import ModelConfig, TrialConfig, make_config
from eisnn.config.user_code import is_reference
from eisnn.kernels import fused
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import LIF, at_least_float32
from eisnn.layers.normalize import NormalizedLayer, residual_scale
from eisnn.seeding import derive

MLP_TABLE = {
    2: [500],
    4: [500, 500, 300],
    6: [500, 500, 300, 300, 300],
    8: [500, 500, 300, 300, 300, 100, 100],
    12: [500] * 4 + [300] * 4 + [100] * 3,
    16: [500] * 5 + [300] * 5 + [100] * 5,
}
VGG_TABLE = {
    4: "64 P 128 P 256",
    5: "64 P 128 P 256 P 512",
    8: "64 P 128 P 256 P 512 P 512 P",
    11: "64 P 128 P 256 256 P 512 512 P 512 512 P",
    16: "64 64 P 128 128 P 256 256 256 P 512 512 512 P 512 512 512 P",
    19: "64 64 P 128 128 P 256 256 256 256 P 512 512 512 512 P 512 512 512 512 P",
}
RESNET_TABLE = {
    18: [2, 2, 2, 2],
    34: [3, 4, 6, 3],
    50: [3, 4, 6, 3],
    101: [3, 4, 23, 3],
    152: [3, 8, 36, 3],
}


class Block(nn.Module):
    """One layer of cells: current by ``drive``, spikes by LIF; both at once in a C++ kernel where there is one for them.

    ``plain_because`` says why this block takes the readable path (None: it does not, on a CPU).
    """

    def __init__(self, drive: Any, neuron: LIF) -> None:
        super().__init__()
        self.drive = drive
        self.neuron = neuron
        self.plain_because = fused.supports(
            drive.config if isinstance(drive, CircuitLayer) else None, neuron.config
        )

    def forward(
        self, x: Tensor, shared: bool = False, *, pool: bool = False, residual: Tensor | None = None
    ) -> Tensor:
        """[T*B, ...] -> spikes [T*B, ...]; with ``shared``, x [B, ...] is the input at every one of the T steps.

        ``pool``: their 2x2 averages; ``residual`` is added to the spikes. Both cost next to nothing in the kernel.
        """
        if shared and self.drive.needs_time:
            x, shared = repeat_over_time(x, self.neuron.T), False
        if self.plain_because is None and x.device.type == "cpu":
            return fused.block_spikes(self.drive, self.neuron, x, shared, pool, residual)
        spikes = self.neuron(self.drive(x), shared)
        if pool:
            spikes = F.avg_pool2d(spikes, 2)
        return spikes if residual is None else spikes + residual

    @property
    def observed(self) -> bool:
        """Whether a hook waits for this block's spikes, which then must be neither pooled nor summed."""
        return bool(self._forward_hooks)


def repeat_over_time(x: Tensor, T: int) -> Tensor:
    """[B, ...] -> [T*B, ...], the same at every step."""
    return x.expand(T, *x.shape).flatten(0, 1)


class Layers:
    """Makes the layers of one network: blocks of the config's kind, each with its name and E:I ratio."""

    def __init__(self, config: TrialConfig) -> None:
        self.config = config
        self.made = 0

    def _drive(self, inputs: int, outputs: int, name: str, **shape: Any) -> Any:
        index, self.made = self.made, self.made + 1
        model, circuit = self.config.model, self.config.circuit
        if is_reference(model.norm):
            from eisnn.networks.own import own_layer

            return own_layer(inputs, outputs, config=model, name=name, **shape)
        if circuit is None:
            threshold = self.config.neuron.threshold
            return NormalizedLayer(
                inputs,
                outputs,
                config=model,
                threshold=threshold,
                first=index == 0,
                name=name,
                **shape,
            )
        ratios = circuit.ei_ratio
        if isinstance(ratios, tuple) and index >= len(ratios):
            raise ValueError(
                f"circuit.ei_ratio: gives {len(ratios)} ratios, but the network has more circuits than that"
            )
        ratio = ratios[index] if isinstance(ratios, tuple) else ratios
        if shape.get("kind") == "output" and not isinstance(ratios, tuple):
            ratio = min(
                ratio, outputs
            )  # the read-out has only as many cells as there are classes; it gets one inhibitory cell at least
        return CircuitLayer(
            inputs, outputs, config=circuit, ei_ratio=ratio, T=model.T, name=name, **shape
        )

    def block(
        self, inputs: int, outputs: int, name: str, *, kernel: int | None = None, stride: int = 1
    ) -> Block:
        """A hidden layer; ``kernel`` None makes it fully connected, else a convolution that keeps the map's size at stride 1."""
        padding = (kernel - 1) // 2 if kernel else 0
        drive = self._drive(inputs, outputs, name, kernel=kernel, stride=stride, padding=padding)
        return Block(drive, LIF(self.config.neuron, self.config.model.T))

    def output(self, inputs: int, classes: int) -> nn.Module:
        """The read-out: a circuit, or a linear layer with bias."""
        if self.config.circuit is None:
            self.made += 1
            return nn.Linear(inputs, classes)
        return self._drive(inputs, classes, "output", kind="output")

    def width(self, cells: int) -> int:
        return max(1, round(cells * self.config.model.width))

    def check_all_ratios_used(self) -> None:
        circuit = self.config.circuit
        if (
            circuit is not None
            and isinstance(circuit.ei_ratio, tuple)
            and len(circuit.ei_ratio) != self.made
        ):
            raise ValueError(
                f"circuit.ei_ratio: gives {len(circuit.ei_ratio)} ratios, but the network has {self.made} circuits"
            )


class Network(nn.Module):
    """``body`` (spikes from images), ``output`` (read-out), mean over time. Keeps no state between calls."""

    def __init__(self, config: TrialConfig, body: nn.Module, output: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.T = config.model.T
        self.body = body
        self.output = output
        self.initialized = False

    def driven(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """(the module that is called with a layer's input, the layer that holds its weights), from the bottom up."""
        for module in self.modules():
            if isinstance(module, Block):
                yield module, module.drive
        yield self.output, self.output

    def circuits(self) -> Iterator[CircuitLayer]:
        return (module for module in self.modules() if isinstance(module, CircuitLayer))

    def blocks(self) -> Iterator[Block]:
        return (module for module in self.modules() if isinstance(module, Block))

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        outcome = super().load_state_dict(*args, **kwargs)
        self.initialized = True
        return outcome

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W], presented at every step, or events [B, T, C, H, W] -> logits [B, classes].

        Raises:
            RuntimeError: the network was never initialised nor loaded.
        """
        if not self.initialized:
            self._refuse_without_weights()
        static = x.dim() == 4
        if not static:
            if x.shape[1] != self.T:
                raise ValueError(
                    f"the network has model.T = {self.T}, but the events have {x.shape[1]} time steps"
                )
            x = x.transpose(0, 1).flatten(0, 1)
        bf16 = (
            self.config.train.precision == "bf16"
        )  # the linear maps and convolutions alone: currents are widened to float32
        with torch.autocast(x.device.type, torch.bfloat16) if bf16 else contextlib.nullcontext():
            out = self.output(self.body(x, static))
        return at_least_float32(out).view(self.T, -1, out.shape[-1]).mean(0)

    def _refuse_without_weights(self) -> None:
        if any(not layer.W_EE.any() for layer in self.circuits()):
            raise RuntimeError(
                "this network has no weights yet: call eisnn.initialize(model, batch), or load a state dict"
            )
        self.initialized = True  # somebody filled them in by hand


class Chain(nn.Module):
    """Blocks and shape changes, one after the other; the first block is told whether its input is the same at every step."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, static: bool) -> Tensor:
        pooled = False
        for layer, after in zip(self.layers, [*self.layers[1:], None], strict=True):
            if isinstance(layer, Block):
                pooled = isinstance(after, Pool) and not layer.observed
                x, static = layer(x, static, pool=pooled), False
            elif not (isinstance(layer, Pool) and pooled):
                x = layer(x)
        return x


class Residual(nn.Module):
    """SEW residual block: spikes of the branch + spikes of the shortcut (identity where the shape stays)."""

    def __init__(
        self, branch: list[Block], shortcut: Block | None, scale: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.branch = nn.ModuleList(branch)
        self.shortcut = shortcut
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        *lower, last = self.branch
        out = x
        for block in lower:
            out = block(out)
        if self.scale is None and not last.observed:
            return last(out, residual=self.identity(x))
        out = last(out)
        return (out if self.scale is None else self.scale(out)) + self.identity(x)

    def identity(self, x: Tensor) -> Tensor:
        return x if self.shortcut is None else self.shortcut(x)


class GlobalAverage(nn.Module):
    """[N, C, H, W] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Pool(nn.Module):
    """2x2 average pool."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2)


def _mlp(make: Layers, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    inputs = shape[0] * shape[1] * shape[2]
    layers: list[nn.Module] = [nn.Flatten()]
    for index, cells in enumerate(MLP_TABLE[make.config.model.layers]):
        layers.append(make.block(inputs, make.width(cells), f"hidden.{index}"))
        inputs = make.width(cells)
    return Chain(layers), inputs


def _vgg(make: Layers, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    channels, height, width = shape
    layers: list[nn.Module] = []
    for index, entry in enumerate(VGG_TABLE[make.config.model.layers].split()):
        if entry == "P":
            if min(height, width) >= 2:
                layers.append(Pool())
                height, width = height // 2, width // 2
        else:
            layers.append(
                make.block(channels, make.width(int(entry)), f"features.{index}", kernel=3)
            )
            channels = make.width(int(entry))
    layers.append(nn.Flatten())
    inputs = channels * height * width
    if make.config.model.head == "heavy":
        for index in range(2):
            layers.append(make.block(inputs, make.width(4096), f"head.{index}"))
            inputs = make.width(4096)
    return Chain(layers), inputs


def _resnet(make: Layers, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    depth = make.config.model.layers
    expansion = 4 if depth >= 50 else 1
    inputs = make.width(64)
    layers: list[nn.Module] = [make.block(shape[0], inputs, "stem", kernel=3)]
    for stage, (cells, count) in enumerate(
        zip([64, 128, 256, 512], RESNET_TABLE[depth], strict=True)
    ):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            name, planes, outputs = (
                f"stage{stage + 1}.{index}",
                make.width(cells),
                make.width(cells) * expansion,
            )
            if expansion == 1:
                branch = [
                    make.block(inputs, planes, f"{name}.1", kernel=3, stride=stride),
                    make.block(planes, planes, f"{name}.2", kernel=3),
                ]
            else:
                branch = [
                    make.block(inputs, planes, f"{name}.1", kernel=1),
                    make.block(planes, planes, f"{name}.2", kernel=3, stride=stride),
                    make.block(planes, outputs, f"{name}.3", kernel=1),
                ]
            changes = stride != 1 or inputs != outputs
            shortcut = (
                make.block(inputs, outputs, f"{name}.shortcut", kernel=1, stride=stride)
                if changes
                else None
            )
            layers.append(Residual(branch, shortcut, residual_scale(make.config.model)))
            inputs = outputs
    return Chain([*layers, GlobalAverage()]), inputs


FAMILIES: dict[str, Callable[[Layers, tuple[int, int, int]], tuple[nn.Module, int]]] = {
    "MLP": _mlp,
    "VGG": _vgg,
    "ResNet": _resnet,
}


def as_trial_config(config: Any) -> TrialConfig:
    """A TrialConfig from one, from a model section (object or dict), or from a dict of sections; other sections take defaults."""
    if isinstance(config, TrialConfig):
        return config
    if isinstance(config, ModelConfig):
        return TrialConfig(model=config)
    sections = set(TrialConfig.model_fields)
    return make_config(config if set(config) & sections else {"model": dict(config)})


def with_shapes(
    config: TrialConfig, input_shape: tuple[int, int, int], classes: int
) -> TrialConfig:
    """The config with a dataset's image shape (C, H, W) and number of classes where its model section leaves them open."""
    model = config.model
    update = {"input_shape": model.input_shape or input_shape, "classes": model.classes or classes}
    return config.model_copy(update={"model": model.model_copy(update=update)})


def build_model(config: Any) -> Network:
    """The network that a config describes, without weights: call `eisnn.initialize`, or load a state dict.

    Args:
        config: a `TrialConfig`, its ``model`` section, or either as a dict. ``input_shape`` defaults to (3, 32, 32), ``classes`` to 10.

    Raises:
        ConfigError: the config is not valid.
        UserCodeError: a network or layer of the user's is not there, or not what it must be.
        ValueError: an E:I ratio that a layer cannot hold (named); a list of ratios of another length than the circuits.
    """
    config = as_trial_config(config)
    with torch.random.fork_rng(
        devices=[]
    ):  # layers of the user's draw from it; ours are drawn by `eisnn.initialize`
        torch.manual_seed(derive(config.seed, "build"))
        return _build(config)


def _build(config: TrialConfig) -> Network:
    model = config.model
    if model.factory is not None:
        from eisnn.networks.own import own_network

        return own_network(config)
    make = Layers(config)
    body, features = FAMILIES[model.arch](make, model.input_shape or (3, 32, 32))
    output = make.output(features, model.classes or 10)
    make.check_all_ratios_used()
    return Network(config, body, output)

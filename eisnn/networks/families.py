"""The network families: one architecture each, made of the kind of block that the config asks for.

    MLP     hidden layers of the table below, then the output layer
    VGG     3x3 convolutions and 2x2 average pools (P; left out once the map is a single pixel),
            then the head
    ResNet  SEW-ResNet (Fang et al. 2021, "add"): each block is circuit-LIF, circuit-LIF
            (bottlenecks: three), then out + identity

Tables: Liu, Ding, Yu, ICLR 2026, and its authors' configs; sizes 4 and 5 of VGG are ours, for 8x8
and 28x28 images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from eisnn.config.norms import NORMS
from eisnn.config.trial import TrialConfig
from eisnn.config.user_code import is_reference
from eisnn.layers.channel_threshold import AdaptiveLIF, ChannelLIF, membrane_norm
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import LIF
from eisnn.layers.normalize import NormalizedLayer
from eisnn.layers.standardize import residual_scale
from eisnn.networks.network import Block, Chain, Dropout, GlobalAverage, Pool, Residual
from eisnn.networks.own import own_layer
from eisnn.networks.starts import cells_of, deviation_of

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


class Layers:
    """Makes the layers of one network: blocks of the config's kind, with names and E:I ratios."""

    def __init__(self, config: TrialConfig) -> None:
        self.config = config
        self.cells = cells_of(config)
        self.made = 0

    def _drive(self, inputs: int, outputs: int, name: str, *, added: int = 0, **shape: Any) -> Any:
        index, self.made = self.made, self.made + 1
        model, circuit = self.config.model, self.config.circuit
        if is_reference(model.norm):
            return own_layer(inputs, outputs, config=model, name=name, **shape)
        if circuit is None:
            threshold = self.config.neuron.threshold
            return NormalizedLayer(
                inputs,
                outputs,
                config=model,
                threshold=threshold,
                first=index == 0,
                added=added,
                name=name,
                **shape,
            )
        ratios = circuit.ei_ratio
        if isinstance(ratios, tuple) and index >= len(ratios):
            raise ValueError(
                f"circuit.ei_ratio: gives {len(ratios)} ratios, "
                "but the network has more circuits than that"
            )
        ratio = ratios[index] if isinstance(ratios, tuple) else ratios
        if shape.get("kind") == "output" and not isinstance(ratios, tuple):
            # The read-out has only as many cells as there are classes; at least one is inhibitory.
            ratio = min(ratio, outputs)
        return CircuitLayer(
            inputs, outputs, config=circuit, ei_ratio=ratio, T=model.T, name=name, **shape
        )

    def block(
        self,
        inputs: int,
        outputs: int,
        name: str,
        *,
        kernel: int | None = None,
        stride: int = 1,
        added: int = 0,
    ) -> Block:
        """Makes a hidden layer, fully connected if ``kernel`` is None, else a convolution that
        keeps the map's size at stride 1.

        ``added`` is the number of residual branches that are summed in its input.
        """
        padding = (kernel - 1) // 2 if kernel else 0
        drive = self._drive(
            inputs, outputs, name, kernel=kernel, stride=stride, padding=padding, added=added
        )
        norm = self.config.model.norm
        return Block(drive, self._neuron(outputs, spatial=kernel is not None), norm)

    def _neuron(self, channels: int, *, spatial: bool) -> LIF:
        """Makes the cells of a hidden layer."""
        T, norm = self.config.model.T, self.config.model.norm
        if norm in NORMS and NORMS[norm].in_cells:
            return ChannelLIF(self.cells, T, membrane_norm(channels, spatial))
        if self.cells.adaptive:
            return AdaptiveLIF(self.cells, T, channels, deviation_of(self.config))
        return LIF(self.cells, T)

    def connected(self, inputs: int, outputs: int, name: str) -> list[nn.Module]:
        """Makes a fully connected hidden layer, and its dropout if the config asks for it."""
        layers: list[nn.Module] = [self.block(inputs, outputs, name)]
        if self.config.model.dropout:
            layers.append(Dropout(self.config.model.dropout, self.config.model.T))
        return layers

    def output(self, inputs: int, classes: int) -> nn.Module:
        """Makes the read-out: a circuit, or a linear layer with bias."""
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
                f"circuit.ei_ratio: gives {len(circuit.ei_ratio)} ratios, "
                f"but the network has {self.made} circuits"
            )


def _mlp(make: Layers, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    inputs = shape[0] * shape[1] * shape[2]
    layers: list[nn.Module] = [nn.Flatten()]
    for index, cells in enumerate(MLP_TABLE[make.config.model.layers]):
        layers += make.connected(inputs, make.width(cells), f"hidden.{index}")
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
            layers += make.connected(inputs, make.width(4096), f"head.{index}")
            inputs = make.width(4096)
    return Chain(layers), inputs


def _resnet(make: Layers, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    depth = make.config.model.layers
    expansion = 4 if depth >= 50 else 1
    inputs = make.width(64)
    layers: list[nn.Module] = [make.block(shape[0], inputs, "stem", kernel=3)]
    added = 0  # branches in a block's input, since its last layer of cells
    for stage, (cells, count) in enumerate(
        zip([64, 128, 256, 512], RESNET_TABLE[depth], strict=True)
    ):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            name = f"stage{stage + 1}.{index}"
            planes = make.width(cells)
            outputs = planes * expansion
            if expansion == 1:
                branch = [
                    make.block(inputs, planes, f"{name}.1", kernel=3, stride=stride, added=added),
                    make.block(planes, planes, f"{name}.2", kernel=3),
                ]
            else:
                branch = [
                    make.block(inputs, planes, f"{name}.1", kernel=1, added=added),
                    make.block(planes, planes, f"{name}.2", kernel=3, stride=stride),
                    make.block(planes, outputs, f"{name}.3", kernel=1),
                ]
            shortcut = None
            if stride != 1 or inputs != outputs:
                shortcut = make.block(
                    inputs, outputs, f"{name}.shortcut", kernel=1, stride=stride, added=added
                )
            layers.append(Residual(branch, shortcut, residual_scale(make.config.model)))
            inputs = outputs
            added = added + 1 if shortcut is None else 1
    return Chain([*layers, GlobalAverage()]), inputs


FAMILIES: dict[str, Callable[[Layers, tuple[int, int, int]], tuple[nn.Module, int]]] = {
    "MLP": _mlp,
    "VGG": _vgg,
    "ResNet": _resnet,
}

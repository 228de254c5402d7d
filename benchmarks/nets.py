"""What the benchmarks compare: our networks, readable twins, other people's neurons, the floor.

The floor is the least that any such network has to compute: plain convolutions + ReLU in float32 on
the T*B batch, each giving n_E + n_I channels (of which the next layer reads n_E), with the same
pools and head, and torch's SGD. It has no inhibition, no cells, no time.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn import build_model, build_optimizer, initialize
from eisnn.config.sections.train import TrainConfig
from eisnn.config.trial import TrialConfig, make_config
from eisnn.networks import Network
from eisnn.networks.families import MLP_TABLE, RESNET_TABLE, VGG_TABLE
from eisnn.training.steps import training_step

Step = Callable[[], Any]
RATIO = 4  # n_E / n_I


def widened(cells: int) -> int:
    return cells + max(1, cells // RATIO)


class Plain(nn.Module):
    """A linear map or convolution to n_E + n_I outputs, ReLU, and the first n_E of them."""

    def __init__(self, inputs: int, cells: int, kernel: int | None = None, stride: int = 1) -> None:
        super().__init__()
        self.cells = cells
        wide = widened(cells)
        self.map: nn.Module
        if kernel is None:
            self.map = nn.Linear(inputs, wide, bias=False)
        else:
            self.map = nn.Conv2d(inputs, wide, kernel, stride, (kernel - 1) // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.map(x))[:, : self.cells]


class PlainResidual(nn.Module):
    def __init__(self, inputs: int, cells: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(Plain(inputs, cells, 3, stride), Plain(cells, cells, 3))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != cells:
            self.shortcut = Plain(inputs, cells, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.shortcut(x)


class Floor(nn.Module):
    """See the module's docstring."""

    def __init__(
        self, arch: str, depth: int, T: int, shape: tuple[int, int, int], classes: int = 10
    ) -> None:
        super().__init__()
        self.T = T
        layers: list[nn.Module] = []
        channels, size = shape[0], shape[1]
        if arch == "MLP":
            layers.append(nn.Flatten())
            channels = channels * shape[1] * shape[2]
            for cells in MLP_TABLE[depth]:
                layers.append(Plain(channels, cells))
                channels = cells
        elif arch == "VGG":
            for entry in VGG_TABLE[depth].split():
                if entry != "P":
                    layers.append(Plain(channels, int(entry), 3))
                    channels = int(entry)
                elif size >= 2:
                    layers.append(nn.AvgPool2d(2))
                    size //= 2
            layers.append(nn.Flatten())
            channels *= size * size
        else:
            layers.append(Plain(channels, 64, 3))
            channels = 64
            for stage, (cells, count) in enumerate(
                zip([64, 128, 256, 512], RESNET_TABLE[depth], strict=True)
            ):
                for index in range(count):
                    layers.append(PlainResidual(channels, cells, 2 if stage and not index else 1))
                    channels = cells
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(channels, widened(classes), bias=False)
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(self.T, *x.shape).flatten(0, 1)
        return self.output(self.body(x))[:, : self.classes].view(self.T, -1, self.classes).mean(0)


class Spikingjelly(nn.Module):
    """spikingjelly's multi-step LIF cells in place of ours, with the same equation."""

    def __init__(self, T: int) -> None:
        super().__init__()
        from spikingjelly.activation_based import neuron, surrogate

        self.T = T
        self.cells = neuron.LIFNode(
            tau=2.0,
            decay_input=False,
            v_reset=None,
            detach_reset=True,
            step_mode="m",
            surrogate_function=surrogate.Sigmoid(4.0),
        )

    def forward(self, current: Tensor, shared: bool = False) -> Tensor:
        self.cells.reset()
        if shared:
            steps = current.expand(self.T, *current.shape)
        else:
            steps = current.unflatten(0, (self.T, -1))
        return self.cells(steps).flatten(0, 1)


class SnnTorch(nn.Module):
    """snnTorch's Leaky cells in place of ours. They reset one step later, by the same amount."""

    def __init__(self, T: int) -> None:
        super().__init__()
        import snntorch
        from snntorch import surrogate

        self.T = T
        self.cells = snntorch.Leaky(beta=0.5, spike_grad=surrogate.sigmoid(slope=4))

    def forward(self, current: Tensor, shared: bool = False) -> Tensor:
        potential = self.cells.reset_mem()
        spikes = []
        for t in range(self.T):
            step = current if shared else current.unflatten(0, (self.T, -1))[t]
            spike, potential = self.cells(step, potential)
            spikes.append(spike)
        return torch.cat(spikes)


NEURONS = {"spikingjelly": Spikingjelly, "snntorch": SnnTorch}


def plain(model: Network, neuron: type[nn.Module] | None = None) -> Network:
    """Makes a network take the readable path, with another library's cells if given."""
    for block in model.blocks():
        block.plain_because = "benchmark of the readable path"
        if neuron is not None:
            block.neuron = neuron(model.T)  # type: ignore[assignment]
    return model


def config_of(
    arch: str, layers: int, *, T: int = 4, norm: str = "ei", width: float = 1.0, size: int = 32
) -> TrialConfig:
    model = {
        "arch": arch,
        "layers": layers,
        "T": T,
        "norm": norm,
        "width": width,
        "input_shape": [3, size, size],
        "classes": 10,
    }
    return make_config({"model": model})


def names() -> list[str]:
    return [
        "ours",
        "readable",
        "floor",
        "bn",
        "bn readable",
        *(name for name in NEURONS if importlib.util.find_spec(name)),
    ]


def make_step(name: str, arch: str, layers: int, batch: int, T: int = 4, **shape: Any) -> Step:
    """Returns a function that takes one training step of the named variant on random images."""
    torch.manual_seed(0)
    size = shape.get("size", 32)
    x, y = torch.rand(batch, 3, size, size), torch.randint(10, (batch,))
    train = TrainConfig(learning_rate=1e-4, momentum=0.9, weight_decay=5e-4)
    model: nn.Module
    if name == "floor":
        model = Floor(arch, layers, T, (3, size, size))
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4
        )
    else:
        norm = "bn" if name.startswith("bn") else "ei"
        network = build_model(config_of(arch, layers, T=T, norm=norm, **shape))
        initialize(network, x, seed=0)
        if "readable" in name or name in NEURONS:
            network = plain(network, NEURONS.get(name))
        model, optimizer = network, build_optimizer(network, train)
    model.train()
    return lambda: training_step(model, optimizer, x, y)

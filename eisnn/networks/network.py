"""What a network is: blocks of cells in a chain, a read-out, and the mean over time.

A block is a ``drive`` (an E-I circuit, or a linear map + normalisation) and LIF cells. Activity is
merged over time: [T*B, ...], time outermost. A static image reaches the first block once, [B, ...],
which computes its current once for all T steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.config.trial import TrialConfig
from eisnn.kernels import choose
from eisnn.kernels.blocks import block_spikes
from eisnn.layers.circuit import CircuitLayer
from eisnn.layers.neurons import LIF, at_least_float32


class Block(nn.Module):
    """One layer of cells: current by ``drive``, spikes by LIF, both in one kernel if there is one.

    ``plain_because`` says why no kernel can compute this block; None if one can, on devices that
    have a backend.
    """

    def __init__(self, drive: Any, neuron: LIF, norm: str = "") -> None:
        super().__init__()
        self.drive = drive
        self.neuron = neuron
        circuit = drive.config if isinstance(drive, CircuitLayer) else None
        self.plain_because = choose.why_unsupported(circuit, neuron.config, norm)

    def forward(
        self, x: Tensor, shared: bool = False, *, pool: bool = False, residual: Tensor | None = None
    ) -> Tensor:
        """[T*B, ...] -> spikes [T*B, ...].

        With ``shared``, x [B, ...] is the input at every one of the T steps. ``pool`` returns 2x2
        averages of the spikes; ``residual`` is added to them. Both cost next to nothing in the
        kernel.
        """
        if shared and self.drive.needs_time:
            x, shared = repeat_over_time(x, self.neuron.T), False
        if self.plain_because is None and choose.is_available(x.device.type):
            return block_spikes(self.drive, self.neuron, x, shared, pool, residual)
        spikes = self.neuron(self.drive(x), shared)
        if pool:
            spikes = F.avg_pool2d(spikes, 2)
        return spikes if residual is None else spikes + residual

    @property
    def observed(self) -> bool:
        """Whether a hook waits for this block's spikes, which must then be neither pooled nor
        summed."""
        return bool(self._forward_hooks)


def repeat_over_time(x: Tensor, T: int) -> Tensor:
    """[B, ...] -> [T*B, ...], the same at every step."""
    return x.expand(T, *x.shape).flatten(0, 1)


class Network(nn.Module):
    """``body`` (spikes from images), ``output`` (read-out), mean over time. Keeps no state between
    calls."""

    keeps_own_weights = False  # whether `initialize` leaves linear maps as they were built

    def __init__(self, config: TrialConfig, body: nn.Module, output: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.T = config.model.T
        self.body = body
        self.output = output
        self.initialized = False

    def driven(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """Yields (module called with a layer's input, module with its weights), bottom up."""
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

    def forward(self, x: Tensor, *, each_step: bool = False) -> Tensor:
        """Images [B, C, H, W], presented at every step, or events [B, T, C, H, W] -> logits.

        Logits are [B, classes], the mean over time; with ``each_step`` [T, B, classes].

        Raises:
            RuntimeError: the network was neither initialised nor loaded.
            ValueError: the events have another number of time steps.
        """
        if not self.initialized:
            self._refuse_without_weights()
        static = x.dim() == 4
        if not static:
            if x.shape[1] != self.T:
                raise ValueError(
                    f"the network has model.T = {self.T}, "
                    f"but the events have {x.shape[1]} time steps"
                )
            x = x.transpose(0, 1).flatten(0, 1)
        with self.arithmetic(x):
            out = self.output(self.body(x, static))
        steps = at_least_float32(out).view(self.T, -1, out.shape[-1])
        return steps if each_step else steps.mean(0)

    def arithmetic(self, x: Tensor) -> contextlib.AbstractContextManager[None]:
        """Computes linear maps and convolutions in bf16 if the config says so. Currents are widened
        to float32."""
        if self.config.train.precision == "bf16":
            return torch.autocast(x.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def _refuse_without_weights(self) -> None:
        if any(not layer.W_EE.any() for layer in self.circuits()):
            raise RuntimeError(
                "this network has no weights yet: call eisnn.initialize(model, batch), "
                "or load a state dict"
            )
        self.initialized = True  # the user filled them in by hand


class Chain(nn.Module):
    """Blocks and shape changes, one after the other.

    The first block is told whether its input is the same at every step.
    """

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
    """SEW residual block: spikes of the branch + spikes of the shortcut, or x if there is none."""

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
        if self.scale is not None:
            out = self.scale(out)
        return out + self.identity(x)

    def identity(self, x: Tensor) -> Tensor:
        return x if self.shortcut is None else self.shortcut(x)


class Dropout(nn.Module):
    """Silences a fraction of the cells in training, the same ones at all T steps of an image."""

    def __init__(self, fraction: float, T: int) -> None:
        super().__init__()
        self.fraction = fraction
        self.T = T

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.empty_like(x[: len(x) // self.T]).bernoulli_(1 - self.fraction)
        return x * repeat_over_time(kept / (1 - self.fraction), self.T)


class GlobalAverage(nn.Module):
    """[N, C, H, W] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Pool(nn.Module):
    """2x2 average pool."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2)

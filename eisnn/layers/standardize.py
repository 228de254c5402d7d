"""Linear maps, standardised where a network's weights, not its activity, are normalised.

    y = W' x + b,  W' = gamma k (W - mean) / sqrt(N Var + 1e-4)

mean and Var (unbiased) are of each output cell's N weights. Were the inputs independent and of
variance 1 / k^2, the current would have the variance gamma^2.

    sws    k = 1 in the first layer, which sees images, else 1 / sqrt(0.1234) = 2.8467: LIF cells
           (tau = 2, T = 4) driven by normal noise give spikes of that variance. gamma is learned,
           for each cell. Residual branches are multiplied by a learned scalar that starts at 0
           (Brock et al. 2021; OTTT, Xiao et al. 2022; SkipInit, De & Smith 2020)
    issnn  gamma = 1. Residual branches are multiplied by a = 1/2, so that after n of them since the
           last layer of cells the variance of the sum is 0.1234 (1 + n a^2), and k is one over its
           root (IS-SNN, Ma et al., ECCV 2026: topology-aware weight standardisation). Without
           residual branches it is sws without gains.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eisnn.config.norms import NORMS
from eisnn.config.sections.model import ModelConfig

SPIKE_GAIN = 0.1234**-0.5  # 2.8467, the constant of OTTT and IS-SNN
BRANCH = 0.5  # a of issnn
STANDARDIZED = ("sws", "issnn")


def standardized(weight: Tensor, gain: Tensor, factor: float) -> Tensor:
    """Gives each row of a weight [n, ...] mean 0 and norm ``gain x factor``, up to eps."""
    rows = weight.flatten(1)
    variance, mean = torch.var_mean(rows, 1, keepdim=True)
    rows = (rows - mean) * torch.rsqrt(variance * rows.shape[1] + 1e-4)
    return (rows * (factor * gain)[:, None]).view_as(weight)


class StandardizedLinear(nn.Linear):
    """A fully connected map of standardised weights."""

    def __init__(self, inputs: int, outputs: int, factor: float, *, learned: bool) -> None:
        super().__init__(inputs, outputs)
        self.factor = factor
        self.gain = _gain(self, outputs, learned)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, standardized(self.weight, self.gain, self.factor), self.bias)


class StandardizedConv2d(nn.Conv2d):
    """A convolution of standardised weights."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        padding: int,
        factor: float,
        *,
        learned: bool,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding)
        self.factor = factor
        self.gain = _gain(self, outputs, learned)

    def forward(self, x: Tensor) -> Tensor:
        weight = standardized(self.weight, self.gain, self.factor)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def _gain(layer: nn.Module, outputs: int, learned: bool) -> Tensor:
    """Returns gamma, as a parameter or as a buffer of ones."""
    gain = torch.ones(outputs)
    if learned:
        return nn.Parameter(gain)
    layer.register_buffer("gain", gain, persistent=False)
    return gain


class SkipGain(nn.Module):
    """SkipInit: a learnable scalar, 0 at first, on the branch of a residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x


class Half(nn.Module):
    """issnn: the branch of a residual block times 1/2."""

    def forward(self, x: Tensor) -> Tensor:
        return BRANCH * x


def residual_scale(config: ModelConfig) -> nn.Module | None:
    """Returns the factor of a residual block's branch, for normalisations that need one."""
    if config.norm == "sws":
        return SkipGain()
    return Half() if config.norm == "issnn" else None


def input_factor(norm: str, *, first: bool, added: int) -> float:
    """Returns k, which depends on what a layer reads: images, or spikes and ``added`` branches."""
    if first:
        return 1.0
    if norm == "issnn":
        return SPIKE_GAIN / (1 + added * BRANCH**2) ** 0.5
    return SPIKE_GAIN


def make_map(
    norm: str,
    inputs: int,
    outputs: int,
    kernel: int | None,
    stride: int,
    padding: int,
    *,
    first: bool,
    added: int = 0,
) -> nn.Linear | nn.Conv2d:
    """Returns W x, with + b if the normalisation has no beta."""
    if norm in STANDARDIZED:
        factor, learned = input_factor(norm, first=first, added=added), norm == "sws"
        if kernel is None:
            return StandardizedLinear(inputs, outputs, factor, learned=learned)
        return StandardizedConv2d(inputs, outputs, kernel, stride, padding, factor, learned=learned)
    bias = not NORMS[norm].has_bias
    if kernel is None:
        return nn.Linear(inputs, outputs, bias=bias)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias)

"""The baselines: a linear or convolutional map and a normalisation, in place of an E-I circuit.

Normalisations act on the currents x [T*B, C, ...] of a layer, time outermost, before its LIF
cells. mu_c and var_c are the mean and the (biased) variance of channel c over time, batch and
positions, eps = 1e-5, and gamma_c (at first 1) and beta_c (at first 0) are learned.

    bn       y = gamma (x - mu) / sqrt(var + eps) + beta
             over T, B and positions together (Ioffe & Szegedy 2015)
    tdbn     y = gamma (alpha theta (x - mu) / sqrt(var + eps)) + beta
             theta is the firing threshold; alpha = 1, as SEW blocks add spikes, not currents
             (Zheng et al. 2021); with theta = 1 it is bn
    tebn     y_t = p_t bn(x)_t
             p_t is learned, one for each time step, at first 1 (Duan et al. 2022)
    bntt     y_t = gamma_t (x_t - mu_t) / sqrt(var_t + eps)
             each step has its own statistics and gamma, and no beta (Kim & Panda 2021)
    mpbn     bn, and a second one of the potentials (Guo et al. 2023), see channel_threshold.py
    gn       y = gamma (x - m) / sqrt(v + eps) + beta
             m, v of one sample (t, b) over the channels of a group and all positions
             (Wu & He 2018); 1 group is LayerNorm over C, H, W
    rmsnorm  y = gamma x / sqrt(mean_c(x^2) + eps)
             of one sample at one position over its channels (Zhang & Sennrich 2019)
    sws      y = W' x + b,  W' standardised, nothing measured on activity, see standardize.py
    issnn    the same, with factors that depend on the place of the layer
    none     y = W x + b
             the control

In evaluation mode running statistics (momentum 0.1, unbiased variance) take the place of mu and
var. The first layer of a static image computes its current once for all T steps. Its statistics
are the same, but "unbiased" then means n / (n - 1) with n = B x positions instead of
T x B x positions, a relative difference below 1 / n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eisnn.config.norms import NORMS
from eisnn.config.sections.model import ModelConfig
from eisnn.layers.standardize import make_map


def _batch_norm(spatial: bool) -> type[nn.BatchNorm1d | nn.BatchNorm2d]:
    return nn.BatchNorm2d if spatial else nn.BatchNorm1d


class TimeScaledNorm(nn.Module):
    """tebn: batch normalisation, then a learnable factor per time step."""

    def __init__(self, norm: nn.Module, T: int) -> None:
        super().__init__()
        self.norm = norm
        self.step_weight = nn.Parameter(torch.ones(T))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x).unflatten(0, (len(self.step_weight), -1))
        return (y * self.step_weight.view(-1, *[1] * (y.dim() - 1))).flatten(0, 1)


class PerStepNorm(nn.Module):
    """bntt: the T steps side by side as channels of one batch normalisation."""

    def __init__(self, channels: int, T: int, spatial: bool) -> None:
        super().__init__()
        self.T = T
        self.norm = _batch_norm(spatial)(T * channels)
        self.norm.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.unflatten(0, (self.T, -1)).transpose(0, 1)  # [B, T, C, ...]
        return (
            self.norm(steps.flatten(1, 2)).unflatten(1, (self.T, -1)).transpose(0, 1).flatten(0, 1)
        )


class ThresholdNorm(nn.Module):
    """tdbn: a batch normalisation to variance theta^2 instead of 1."""

    def __init__(self, channels: int, threshold: float, spatial: bool) -> None:
        super().__init__()
        self.threshold = threshold
        self.norm = _batch_norm(spatial)(channels, affine=False)
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.dim() - 2))
        return self.weight.view(shape) * (self.threshold * self.norm(x)) + self.bias.view(shape)


class RMSNorm(nn.Module):
    """rmsnorm over the channels (dimension 1)."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + self.eps)
        return x * scale * self.weight.view(-1, *[1] * (x.dim() - 2))


@dataclass(frozen=True)
class Currents:
    """What a normalisation acts on: the currents of one layer's cells."""

    channels: int
    threshold: float  # of the cells
    spatial: bool  # whether they have positions
    config: ModelConfig

    def batch_norm(self) -> nn.Module:
        return _batch_norm(self.spatial)(self.channels)


def _group_norm(currents: Currents) -> nn.Module:
    groups = currents.config.groups or 1
    if currents.channels % groups:
        raise ValueError(
            f"model.groups: a layer of {currents.channels} cells cannot be divided into "
            f"{groups} groups"
        )
    return nn.GroupNorm(groups, currents.channels)


# The normalisation of each name in eisnn/config/norms.py that is not a circuit.
BUILDERS: dict[str, Callable[[Currents], nn.Module]] = {
    "bn": Currents.batch_norm,
    "tdbn": lambda c: ThresholdNorm(c.channels, c.threshold, c.spatial),
    "tebn": lambda c: TimeScaledNorm(c.batch_norm(), c.config.T),
    "bntt": lambda c: PerStepNorm(c.channels, c.config.T, c.spatial),
    "mpbn": Currents.batch_norm,  # of the currents; the cells have another
    "gn": _group_norm,
    "rmsnorm": lambda c: RMSNorm(c.channels),
    "sws": lambda c: nn.Identity(),  # its weights are standardised, not its currents
    "issnn": lambda c: nn.Identity(),
    "none": lambda c: nn.Identity(),
}


def make_norm(config: ModelConfig, channels: int, threshold: float, spatial: bool) -> nn.Module:
    """Returns the normalisation that ``model.norm`` names."""
    if config.norm not in BUILDERS:
        raise ValueError(f"model.norm: {config.norm!r} is not a baseline")
    return BUILDERS[config.norm](Currents(channels, threshold, spatial, config))


class NormalizedLayer(nn.Module):
    """A linear map or convolution, then its normalisation.

    ``first`` says that the layer reads images; ``added`` is the number of residual branches that
    are summed in its input since the last layer of cells.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        config: ModelConfig,
        threshold: float,
        first: bool = False,
        added: int = 0,
        kernel: int | None = None,
        stride: int = 1,
        padding: int = 0,
        name: str = "",
    ) -> None:
        super().__init__()
        self.name = name
        self.needs_time = NORMS[config.norm].varies_in_time
        self.map = make_map(
            config.norm, inputs, outputs, kernel, stride, padding, first=first, added=added
        )
        self.norm = make_norm(config, outputs, threshold, spatial=kernel is not None)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, ...] -> current [N, outputs, ...]."""
        return self.norm(self.map(x))

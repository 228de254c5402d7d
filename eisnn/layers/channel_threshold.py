"""LIF cells whose channels have thresholds of their own: mpbn, and SpikeInit's adaptive cells.

A function of the potential, f(v), with parameters for each channel, is compared with the threshold;
the potential itself is kept:

    v_t = (1 - 1/tau) u_{t-1} + I_t,  s_t = [f(v_t) >= theta],  u_t as in `eisnn.layers.neurons`

    mpbn      f(v) = gamma (v - mu) / sqrt(var + eps) + beta, the statistics of a channel over batch
              and positions, taken at each step; gamma, beta and the running statistics serve all
              steps. At inference it is a threshold: where gamma > 0, f(v) >= theta if
              v >= mu + (theta - beta) sqrt(var + eps) / gamma (Guo et al. 2023)
    adaptive  f(v) = gamma v + beta, at first v. The surrogate's steepness is
              alpha_0 / max(SD, theta / Q^-1(0.01)), with the SD of v over time and positions of
              that sample and channel (Shi & Yu 2026). The given (or solved) alpha is the one at the
              SD of the steady state that networks start from, which sets alpha_0.

Both papers reset hard; the soft reset subtracts theta.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from eisnn.config.sections.neuron import NeuronConfig
from eisnn.layers.neurons import DEFAULT_ALPHA, LIF, after_reset, at_least_float32, lif

FAR = 2.3263478740408408  # Q^-1(0.01): how many deviations above 0 one in a hundred is


class ChannelLIF(LIF):
    """The cells of one layer, with ``view`` between their potentials and the threshold."""

    def __init__(self, config: NeuronConfig, T: int, view: nn.Module) -> None:
        super().__init__(config, T)
        self.view = view

    def forward(self, current: Tensor, shared: bool = False) -> Tensor:
        current = at_least_float32(current)
        if self.config.input_decay:
            current = current / self.tau
        steps = [current] * self.T
        if not shared:
            steps = list(current.chunk(self.T))
        spikes, _ = self.run(steps, self.steepness(steps))
        return torch.cat(spikes)

    def run(
        self, steps: list[Tensor], alpha: float | Tensor | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Returns (spikes, potentials before the reset) for each step's currents."""
        c = self.config
        reset_to = None if c.reset == "soft" else c.reset_value or 0.0
        u: Tensor | None = None
        spikes, potentials = [], []
        for current in steps:
            v = current if u is None else current + (1 - 1 / self.tau) * u
            spike = lif(
                self.view(v),
                threshold=c.threshold,
                surrogate=c.surrogate,
                alpha=alpha,
                dampening=c.dampening or 1.0,
                shared_over=1,
            )[0]
            u = after_reset(v, spike.detach() if c.detach_reset else spike, c.threshold, reset_to)
            spikes.append(spike)
            potentials.append(v)
        return spikes, potentials

    def steepness(self, steps: list[Tensor]) -> float | Tensor | None:
        """Returns the surrogate's alpha."""
        return self.config.alpha


class ChannelScale(nn.Module):
    """gamma v + beta of each channel (dimension 1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, v: Tensor) -> Tensor:
        shape = (-1, *[1] * (v.dim() - 2))
        return self.weight.view(shape) * v + self.bias.view(shape)


class AdaptiveLIF(ChannelLIF):
    """SpikeInit's adaptive cells; ``deviation`` is the potentials' SD at which alpha is given."""

    def __init__(self, config: NeuronConfig, T: int, channels: int, deviation: float) -> None:
        super().__init__(config, T, ChannelScale(channels))
        alpha = config.alpha
        if alpha is None:
            alpha = DEFAULT_ALPHA[config.surrogate]
        self.alpha_0 = alpha * deviation

    def steepness(self, steps: list[Tensor]) -> float | Tensor | None:
        """Returns alpha [B, C, 1, ...], which only gradients need."""
        if not torch.is_grad_enabled():
            return None
        with torch.no_grad():
            _, potentials = self.run(steps, None)
            v = torch.stack(potentials)
            dims = (0, *range(3, v.dim()))
            deviation = v.std(dims, correction=0, keepdim=True)[0]
            return self.alpha_0 / deviation.clamp_min(self.config.threshold / FAR)


def membrane_norm(channels: int, spatial: bool) -> nn.Module:
    """Returns mpbn's normalisation of potentials."""
    return (nn.BatchNorm2d if spatial else nn.BatchNorm1d)(channels)

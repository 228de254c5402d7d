"""Leaky integrate-and-fire cells over T time steps, with surrogate gradients.

    v_t = (1 - 1/tau) u_{t-1} + I_t          membrane potential before the reset, u_0 = 0
    s_t = [v_t >= threshold]                 spike
    u_t = v_t - threshold s_t  (soft reset)  or  v_t (1 - s_t) + reset_value s_t  (hard reset)

The spike's derivative is a surrogate ds/dv = h(v - threshold). With ``detach_reset`` the reset path
carries no gradient through s.
Source: Liu, Ding, Yu, ICLR 2026, section 2; surrogates as in Fang et al. 2023 (sigmoid, atan) and
Bellec et al. 2018 (triangle).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from eisnn.config.sections.neuron import NeuronConfig

DEFAULT_ALPHA = {
    "sigmoid": 4.0,
    "atan": 2.0,
    "triangle": 1.0,
    "exponential": 1.0,
    "leaky_relu": 1.0,
}
LEAK = 0.01  # slope of leaky_relu far from the threshold


def surrogate_gradient(x: Tensor, surrogate: str, alpha: float | Tensor) -> Tensor:
    """h(x), which stands in for the derivative of the step function; x = v - threshold.

    sigmoid      alpha q (1 - q), q = sigmoid(alpha x)
    atan         (alpha / 2) / (1 + (pi alpha x / 2)^2)
    triangle     alpha max(0, 1 - alpha |x|)
    exponential  alpha exp(-2 alpha |x|)
    leaky_relu   alpha / 2 where |x| <= 1 / alpha, else 0.01
    """
    if surrogate == "sigmoid":
        q = torch.sigmoid(alpha * x)
        return alpha * q * (1 - q)
    if surrogate == "atan":
        return (alpha / 2) / (1 + (math.pi / 2 * alpha * x) ** 2)
    if surrogate == "triangle":
        return alpha * torch.relu(1 - alpha * x.abs())
    if surrogate == "exponential":
        return alpha * torch.exp(-2 * alpha * x.abs())
    if surrogate == "leaky_relu":
        slope = torch.ones_like(x) * (alpha / 2)  # two plain numbers would give float32
        return torch.where(alpha * x.abs() <= 1, slope, LEAK)
    raise ValueError(f"surrogate must be one of {sorted(DEFAULT_ALPHA)}, given {surrogate!r}")


class _LIF(torch.autograd.Function):
    """Keeps only v_t; backward runs dL/dv_t = ds_t h_t + (du_t/dv_t) decay dL/dv_{t+1} by hand.

    ``shared`` says that the current is the same at every step ([...] instead of [T, ...]), as with
    a static image. Steps are stacked rather than written into one tensor, which a compiler would
    copy at every step.
    """

    @staticmethod
    def forward(
        ctx: Any,
        current: Tensor,
        decay: Tensor,
        T: int,
        shared: bool,
        threshold: float,
        surrogate: tuple[str, float | Tensor, float],
        reset_to: float | None,
        detach_reset: bool,
    ) -> Tensor:
        potentials: list[Tensor] = []
        spikes: list[Tensor] = []
        u: Tensor | None = None
        for t in range(T):
            step = current if shared else current[t]
            if u is not None:
                v = torch.addcmul(step, u, decay)
            elif shared:
                v = step
            else:  # A view of step 0 would keep the currents of all steps in memory.
                v = step.clone()
            spike = (v >= threshold).to(v.dtype)
            u = after_reset(v, spike, threshold, reset_to) if t < T - 1 else None
            potentials.append(v)
            spikes.append(spike)
        ctx.save_for_backward(decay, *potentials)
        ctx.options = (shared, threshold, surrogate, reset_to, detach_reset)
        return torch.stack(spikes)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (upstream,) = grads
        decay, *potentials = ctx.saved_tensors
        shared, threshold, (surrogate, alpha, dampening), reset_to, detach_reset = ctx.options
        learns_decay = ctx.needs_input_grad[1]
        total = torch.zeros_like(potentials[0]) if shared else None
        steps: list[Tensor] = []
        grad_decay = torch.zeros((), dtype=decay.dtype, device=decay.device)
        after: Tensor | None = None  # dL/dv_{t+1}
        for t in reversed(range(len(potentials))):
            v = potentials[t]
            h = surrogate_gradient(v - threshold, surrogate, alpha)
            if dampening != 1:
                h = h * dampening
            grad = upstream[t] * h
            if after is not None:
                slope = None if detach_reset else h
                du_dv = _reset_slope(v, threshold, reset_to, slope)
                grad = grad + (decay if du_dv is None else decay * du_dv) * after
                if learns_decay:
                    spike = (v >= threshold).to(v.dtype)
                    u = after_reset(v, spike, threshold, reset_to)
                    grad_decay = grad_decay + (after * u).sum()
            if total is not None:
                total += grad
            else:
                steps.append(grad)
            after = grad
        d_current = total if total is not None else torch.stack(steps[::-1])
        d_decay = grad_decay if learns_decay else None
        return d_current, d_decay, None, None, None, None, None, None


def _reset_slope(
    v: Tensor, threshold: float, reset_to: float | None, h: Tensor | None
) -> Tensor | None:
    """Returns du/dv, or None if it is 1. With ``h`` None no gradient passes through the spike."""
    if reset_to is None:
        return None if h is None else 1 - threshold * h
    silent = 1 - (v >= threshold).to(v.dtype)
    return silent if h is None else silent - (v - reset_to) * h


def after_reset(v: Tensor, spikes: Tensor, threshold: float, reset_to: float | None) -> Tensor:
    """Returns u. ``reset_to`` None means a soft reset; else it is a cell's value after a spike."""
    if reset_to is None:
        return v - threshold * spikes
    u = v * (1 - spikes)
    return u + reset_to * spikes if reset_to else u


def lif(
    current: Tensor,
    *,
    tau: float | Tensor = 2.0,
    threshold: float = 1.0,
    surrogate: str = "sigmoid",
    alpha: float | Tensor | None = None,
    dampening: float = 1.0,
    reset: str = "soft",
    reset_value: float = 0.0,
    detach_reset: bool = True,
    shared_over: int | None = None,
) -> Tensor:
    """Returns spikes of LIF cells driven by ``current``; equations: eisnn/layers/neurons.py.

    Args:
        current: [T, ...], any float type; or [...] with ``shared_over=T``: the same current at each
            of T steps.
        tau: membrane time constant in time steps, >= 1; a scalar tensor may be learned.
        threshold: firing threshold, in units of the current.
        surrogate, alpha: see `surrogate_gradient`; None takes the surrogate's default alpha. A
            tensor, which gets no gradient, must go with the shape of one step's potentials.
        dampening: multiplies the surrogate.
        reset: "soft" (subtract the threshold) or "hard" (to ``reset_value``).
        detach_reset: whether to stop gradients through the spike in the reset.

    Returns:
        Spikes [T, ...], zeros and ones in the type of ``current``.
    """
    if surrogate not in DEFAULT_ALPHA:
        raise ValueError(f"surrogate must be one of {sorted(DEFAULT_ALPHA)}, given {surrogate!r}")
    if reset not in ("soft", "hard"):
        raise ValueError(f"reset must be 'soft' or 'hard', given {reset!r}")
    # Filled on the device: a copy of a number from the host would make the host wait.
    if not isinstance(tau, Tensor):
        tau = torch.full((), tau, dtype=current.dtype, device=current.device)
    decay = 1 - 1 / tau.to(current.dtype)
    steps = shared_over if shared_over is not None else current.shape[0]
    shape = (surrogate, DEFAULT_ALPHA[surrogate] if alpha is None else alpha, dampening)
    return _LIF.apply(
        current,
        decay,
        steps,
        shared_over is not None,
        threshold,
        shape,
        None if reset == "soft" else reset_value,
        detach_reset,
    )


def at_least_float32(x: Tensor) -> Tensor:
    """Widens currents that a map computed in half precision, as the cells compute in float32."""
    if x.dtype in (torch.bfloat16, torch.float16):
        return x.float()
    return x


class LIF(nn.Module):
    """The cells of one layer: merged [T*B, ...] currents in, merged spikes out.

    Holds a learned tau as log(tau - 1), so that it stays above 1.
    """

    def __init__(self, config: NeuronConfig, T: int) -> None:
        super().__init__()
        self.config = config
        self.T = T
        if config.learnable_tau:
            self.log_tau = nn.Parameter(torch.tensor(math.log(max(config.tau - 1, 1e-3))))

    @property
    def tau(self) -> float | Tensor:
        if self.config.learnable_tau:
            return 1 + self.log_tau.exp()
        return self.config.tau

    def forward(self, current: Tensor, shared: bool = False) -> Tensor:
        """[T*B, ...] -> [T*B, ...].

        With ``shared``, [B, ...] -> [T*B, ...]: the same current at every step.
        """
        c = self.config
        current = at_least_float32(current)
        if c.input_decay:
            current = current / self.tau
        if not shared:
            current = current.view(self.T, current.shape[0] // self.T, *current.shape[1:])
        spikes = lif(
            current,
            tau=self.tau,
            threshold=c.threshold,
            surrogate=c.surrogate,
            alpha=c.alpha,
            dampening=c.dampening or 1.0,
            reset=c.reset,
            reset_value=c.reset_value or 0.0,
            detach_reset=c.detach_reset,
            shared_over=self.T if shared else None,
        )
        return spikes.flatten(0, 1)

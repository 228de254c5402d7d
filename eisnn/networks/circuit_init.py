"""Initialises the weights of a circuit from the input that reaches it.

E-I Init (Liu, Ding, Yu, ICLR 2026, Eqs. 53 and 54). With m = E[x], q = E[x^2] and V = Var[x] of a
layer's input x, d its fan-in:

    W_EE, W_IE ~ Exponential(scale s),  s = sqrt(V / (d (q + V)))     so that Var[I_ee] = V
    W_EI = 1 / n_I,  g_E = 1,  b_E = 0
    g_I = sqrt(q + V) / (sqrt(d) m)                                   so that E[I_div] = std[I_ee]

For another distribution with mean mu and coefficient of variation c: Var[I_ee] = d mu^2 (c^2 q +
V), hence mu = sqrt(V / (d (c^2 q + V))) and g_I = sqrt(V) / (d mu m); c = 1 gives the equations
above.

A circuit without one kind of inhibition starts with that inhibition's expected value as a constant.
Otherwise it would start dead, which would say nothing about what the inhibition is for. Without
division, g_E is divided by std[I_ee]; without subtraction, b_E is minus the expected current.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from eisnn.config.sections.circuit import InitConfig
from eisnn.errors import DataError, SilentInput
from eisnn.layers.circuit import CircuitLayer
from eisnn.seeding import generator


class InputStatistics(NamedTuple):
    """Statistics of a layer's input x [N, ...], N = T B merged: m = E[x], q = E[x^2], V = Var[x].

    The variance is over N, averaged over positions and channels.
    """

    mean: float
    mean_square: float
    variance: float


def input_statistics(x: Tensor, repeats: int = 1) -> InputStatistics:
    """Returns the statistics of x [N, ...] with each sample repeated ``repeats`` times, as a static
    image is over the time steps. V is unbiased."""
    x = x.double()
    n = x.shape[0] * repeats
    variance = x.var(0, correction=0).mean().item()
    if n > 1:
        variance = variance * n / (n - 1)
    return InputStatistics(x.mean().item(), x.square().mean().item(), variance)


def coefficient_of_variation(init: InitConfig) -> float:
    """Returns std / mean of the weight distribution.

    It is 1 for exponential and lognormal, 1/sqrt(k) for gamma(k), 0.756 for half-normal and 0.577
    for uniform.
    """
    if init.distribution == "gamma":
        return 1 / math.sqrt(1.0 if init.gamma_shape is None else init.gamma_shape)
    return {"half_normal": math.sqrt(math.pi / 2 - 1), "uniform": 1 / math.sqrt(3)}.get(
        init.distribution, 1.0
    )


def weight_mean(statistics: InputStatistics, fan_in: int, cv: float = 1.0) -> float:
    """mu = sqrt(V / (d (c^2 q + V))); Eq. 53 for c = 1, where mu is the exponential's scale."""
    _, q, V = statistics
    return math.sqrt(V / (fan_in * (cv * cv * q + V)))


def divisive_gain(statistics: InputStatistics, fan_in: int, cv: float = 1.0) -> float:
    """g_I = sqrt(c^2 q + V) / (sqrt(d) m); Eq. 54 for c = 1."""
    m, q, V = statistics
    return math.sqrt(cv * cv * q + V) / (math.sqrt(fan_in) * m)


def draw(init: InitConfig, shape: torch.Size, mean: float, rng: torch.Generator) -> Tensor:
    """Draws non-negative weights of the given mean, float64 on the CPU.

    Lognormal weights have std = mean, as exponential ones do.
    """
    if init.distribution == "gamma":
        k = 1.0 if init.gamma_shape is None else init.gamma_shape
        shapes = torch.full(shape, k, dtype=torch.float64)
        return torch._standard_gamma(shapes, generator=rng) * (mean / k)
    out = torch.empty(shape, dtype=torch.float64)
    if init.distribution == "lognormal":
        variance = math.log(2.0)  # of log W; gives std = mean
        return (
            out.normal_(generator=rng)
            .mul_(math.sqrt(variance))
            .add_(math.log(mean) - variance / 2)
            .exp_()
        )
    if init.distribution == "half_normal":
        return out.normal_(generator=rng).abs_().mul_(mean * math.sqrt(math.pi / 2))
    if init.distribution == "uniform":
        return out.uniform_(0, 2 * mean, generator=rng)
    return out.exponential_(generator=rng).mul_(mean)


class Drawn(NamedTuple):
    """Weights of a circuit before kappa and gain, and the E[I_ee] and E[I_div] they lead to."""

    weights: dict[str, Tensor]  # W_EE, W_IE, W_EI
    g_I: float
    current: float
    divisor: float


def draw_balanced(
    layer: CircuitLayer, statistics: InputStatistics, seed: int, deviation: float
) -> Drawn:
    """Draws weights by the module's equations, scaled to std[I_ee] = ``deviation``."""
    init, d, n_I = layer.config.init, layer.fan_in, layer.W_IE.shape[0]
    cv = coefficient_of_variation(init)
    mean = weight_mean(statistics, d, cv) * deviation / math.sqrt(statistics.variance)
    weights = {
        name: draw(
            init, getattr(layer, name).shape, mean, generator(seed, "init", layer.name, name)
        )
        for name in ("W_EE", "W_IE")
    }
    weights["W_EI"] = torch.full(layer.W_EI.shape, 1 / n_I, dtype=torch.float64)
    return Drawn(weights, divisive_gain(statistics, d, cv), d * mean * statistics.mean, deviation)


def draw_kaiming(layer: CircuitLayer, seed: int) -> Drawn:
    """Draws |N(0, 2 / fan-in)|; nothing replaces an inhibition that is switched off."""
    weights = {}
    for name in ("W_EE", "W_IE", "W_EI"):
        value = torch.empty(getattr(layer, name).shape, dtype=torch.float64)
        fan_in = value[0].numel()
        weights[name] = value.normal_(
            generator=generator(seed, "init", layer.name, name)
        ).abs_() * math.sqrt(2 / fan_in)
    return Drawn(weights, g_I=1.0, current=0.0, divisor=1.0)


def initialize_circuit(layer: CircuitLayer, x: Tensor, *, seed: int, repeats: int = 1) -> None:
    """Sets the layer's weights from its input x [N, ...] by the scheme of its config.

    ei       the module's equations
    dann     the same for a rectified standard normal input (m = 1/sqrt(2 pi), q = 1/2), scaled to
             Var[I_ee] = 1 (Cornford et al. 2021)
    kaiming  |N(0, 2/fan-in)| for all three weights, g_I = 1: the control without any E-I balance

    With each, init.kappa multiplies W_IE and init.gain multiplies g_E.

    Raises:
        SilentInput: the input is all zero, or the same in every sample, for which scheme ei gives
            0/0 or zero weights.
        DataError: the input has negative entries, or the batch is a single image.
    """
    config, init = layer.config, layer.config.init
    if init.scheme == "kaiming":
        drawn = draw_kaiming(layer, seed)
    elif init.scheme == "dann":
        drawn = draw_balanced(
            layer,
            InputStatistics(1 / math.sqrt(2 * math.pi), 0.5, 0.5 - 1 / (2 * math.pi)),
            seed,
            deviation=1.0,
        )
    else:
        statistics = input_statistics(x, repeats)
        _check(statistics, layer, x)
        drawn = draw_balanced(layer, statistics, seed, deviation=math.sqrt(statistics.variance))
    if config.inhibitory_cells == "spiking" and init.scheme == "ei":
        drawn = _balanced_with_spikes(layer, drawn, x, repeats)
    for name, value in drawn.weights.items():
        layer.assign(name, value * init.kappa if name == "W_IE" else value)
    if layer.output_layer:
        return
    g_E, b_E = init.gain, 0.0
    if not config.divisive:
        g_E = init.gain / drawn.divisor
    if not config.subtractive:
        divisor = drawn.divisor * init.kappa if config.divisive else 1.0
        b_E = -g_E * drawn.current / divisor
    for name, number in (("g_I", drawn.g_I), ("g_E", g_E), ("b_E", b_E)):
        layer.assign(name, torch.full(getattr(layer, name).shape, number, dtype=torch.float64))


def _check(statistics: InputStatistics, layer: CircuitLayer, x: Tensor) -> None:
    """Refuses input whose mean E-I Init cannot divide by, or whose variance it cannot scale by."""
    if x.min() < 0 or not x.isfinite().all():
        raise DataError(
            f"layer {layer.name!r}: an E-I circuit needs inputs >= 0, given values from "
            f"{x.min().item():.3g} to {x.max().item():.3g}; do not subtract a mean from the data"
        )
    if len(x) == 1:
        raise DataError(
            f"E-I Init of layer {layer.name!r}: one image has no variance; initialise on at least 2"
        )
    if statistics.mean_square == 0:
        problem = (
            "is silent: the layer below never fires; raise circuit.init.gain or lower "
            "neuron.threshold"
        )
    elif statistics.mean <= 0 or not statistics.variance > 0:
        problem = (
            f"does not vary over the batch (mean {statistics.mean:.3g}): the layer below is "
            "saturated or the images are equal; lower circuit.init.gain"
        )
    else:
        return
    raise SilentInput(f"E-I Init of layer {layer.name!r}: its input {problem}")


@torch.no_grad()
def _balanced_with_spikes(layer: CircuitLayer, drawn: Drawn, x: Tensor, repeats: int) -> Drawn:
    """Balances spiking I cells, for which the scale of their current matters.

    Scales W_IE so that their mean current is 1, their threshold: then about half of them fire at
    the first step, while a few spikes in all would give a divisor near 0. Sets W_EI and g_I so that
    E[I_sub] = E[I_ee] and E[I_div] = std[I_ee], as with linear cells.
    """
    for name in ("W_EE", "W_IE"):
        layer.assign(name, drawn.weights[name])
    I_ee, I_ie = layer.currents(x.repeat(repeats, *[1] * (x.dim() - 1)))
    factor = 1 / I_ie.mean().item()
    s_I = layer.inhibitory_activity(I_ie * factor)
    rate, current, deviation = s_I.mean().item(), I_ee.mean().item(), I_ee.std().item()
    if rate == 0:
        raise SilentInput(
            f"E-I Init of layer {layer.name!r}: no inhibitory cell fires; "
            "use circuit.inhibitory_cells: linear"
        )
    W_EI = torch.full_like(drawn.weights["W_EI"], current / (rate * s_I.shape[1]))
    weights = {**drawn.weights, "W_IE": drawn.weights["W_IE"] * factor, "W_EI": W_EI}
    return Drawn(weights, deviation / current, current, deviation)

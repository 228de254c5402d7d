"""How linear maps start in networks without E-I circuits: one entry in `STARTS` for each rule.

Weights are drawn from N(0, gain^2 / d), d the fan-in; biases are 0. Below, kappa = 1 - 1/tau,
lambda is the input decay (1/tau with `neuron.input_decay`, else 1), theta the threshold, p the
rate at which cells are meant to fire (`model.init_rate`), q the mean square of a layer's input
(of spikes: p), phi, Phi and Q the normal density, distribution and its complement.

    kaiming      gain = sqrt(2)
    spikeinit    solved for a rate of p, see `steady_state` and `first_layer_deviation`; the last
                 convolution of a residual branch starts at 0
                 (Shi & Yu, "Training Deep Spiking Neural Networks without Normalization", 2026)
    fluctuation  gain = theta sqrt(1 - kappa^2) / (lambda sqrt(q) xi), xi = 2: the potential is xi
                 standard deviations below threshold (Rossbroich, Gygax, Zenke 2022). Cells then
                 fire at Q(2) = 0.02; with p = 0.1, deep layers fell silent in our rivals study
    ding         gain = sqrt(2) theta / lambda: kaiming where both are 1 (Ding et al. 2025)
    micheli      gain = 1 / sqrt(Q(theta)) (Micheli et al. 2025)
    authors      as in the baselines of Liu, Ding & Yu: torch's default, and He et al.'s normal
                 distribution by fan-out for the convolutions of ResNets

The papers of spikeinit and fluctuation treat layers that read spikes of rate p, or a first layer
whose input has mean square 1. Images, averages of pools and sums after a residual connection are
neither; for these the mean square q is measured on the layer's first batch. The read-out, whose
cells do not fire, starts as with kaiming under every rule except authors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from eisnn.config.sections.neuron import NeuronConfig
from eisnn.config.trial import TrialConfig
from eisnn.errors import ConfigError

DEFAULT_RATE = 0.1
FLUCTUATIONS = 2.0  # xi: standard deviations between the resting potential and the threshold


@dataclass(frozen=True)
class Layer:
    """What a gain may depend on. ``first`` says that the layer reads a static image."""

    cells: NeuronConfig
    rate: float  # p
    mean_square: float  # q
    first: bool = False

    @property
    def kappa(self) -> float:
        return 1 - 1 / self.cells.tau

    @property
    def input_decay(self) -> float:
        """The factor lambda of the current."""
        return 1 / self.cells.tau if self.cells.input_decay else 1.0


@dataclass(frozen=True)
class Start:
    """A rule.

    Attributes:
        gain: as in the module's docstring; None if weights are drawn as the authors do.
        measures: whether the gain depends on q.
        closes_branches: whether the last layer of a residual branch starts at 0.
    """

    gain: Callable[[Layer], float] | None
    measures: bool = False
    closes_branches: bool = False


@dataclass(frozen=True)
class SteadyState:
    """The potential before reset, N(mean, deviation^2), and the variance of its current."""

    mean: float
    deviation: float
    current_variance: float


def steady_state(threshold: float, kappa: float, rate: float) -> SteadyState:
    """Returns the state in which cells with hard reset to 0 fire at ``rate`` under white normal
    current.

    With y ~ N(mu, s^2), a = (theta - mu) / s and 1 - Phi(a) = p, a step leaves kappa y if
    y < theta, else 0. Its first two moments must be those of y, less the current's:

        mu = kappa (mu Phi - s phi),
        mu^2 + s^2 = kappa^2 ((mu^2 + s^2) Phi - s (theta + mu) phi) + sigma_x^2

    at Phi = Phi(a), phi = phi(a). p gives a, the first equation mu / s, then a gives s, and the
    second equation sigma_x^2, so that there is nothing to iterate.

    Raises:
        ValueError: no current makes cells fire that often.
    """
    from scipy.special import ndtri

    a = float(ndtri(1 - rate))
    below, density = 1 - rate, _density(a)
    mean_over_deviation = -kappa * density / (1 - kappa * below)
    if a + mean_over_deviation <= 0:
        raise ValueError(
            f"model.init_rate: cells with this tau cannot be started at a rate of {rate:g}; "
            "lower it"
        )
    s = threshold / (a + mean_over_deviation)
    mu = mean_over_deviation * s
    second = mu * mu + s * s
    kept = kappa**2 * (second * below - s * (threshold + mu) * density)
    return SteadyState(mu, s, second - kept)


def first_layer_rate(deviation: float, threshold: float, kappa: float) -> float:
    """Returns the rate of cells whose current is constant in time and N(0, deviation^2) over cells.

    A cell fires for the first time in step k (from 0) if its current is between theta / S_k and
    theta / S_{k-1}, S_k = (1 - kappa^(k+1)) / (1 - kappa), and then every k + 1 steps.
    """
    from scipy.special import ndtr

    at = threshold / deviation
    rate = 1 - float(ndtr(at))
    total, k = 1.0, 1  # S_{k-1}
    while kappa**k > 1e-12:
        longer = total + kappa**k
        rate += float(ndtr(at / total) - ndtr(at / longer)) / (k + 1)
        total, k = longer, k + 1
    return rate


def first_layer_deviation(threshold: float, kappa: float, rate: float) -> float:
    """Returns the standard deviation of the constant currents with which cells fire at ``rate``.

    Raises:
        ValueError: the rate is 1/2 or more, which no symmetric current reaches.
    """
    from scipy.optimize import brentq

    if rate >= 0.5:
        raise ValueError(f"model.init_rate: must be below 0.5 with init: spikeinit, given {rate:g}")

    def excess(deviation: float) -> float:
        return first_layer_rate(deviation, threshold, kappa) - rate

    return float(brentq(excess, 1e-3 * threshold, 1e6 * threshold, xtol=1e-12, rtol=1e-12))


def surrogate_width(cells: NeuronConfig, rate: float) -> float:
    """Returns alpha of the surrogate h(v) = alpha exp(-2 alpha |v - theta|) with which gradients
    keep their size.

    It gives E[h(y)^2] = (1 - (1 - p) kappa^2) / (lambda gain)^2 over the potentials y ~ N(mu, s^2)
    of `steady_state`; the gradient of a layer's input then has the variance of its output's.
    """
    from scipy.optimize import brentq

    layer = Layer(cells, rate, rate)
    state = steady_state(cells.threshold, layer.kappa, rate)
    gain = _spikeinit(layer)
    wanted = (1 - (1 - rate) * layer.kappa**2) / (layer.input_decay * gain) ** 2

    def excess(log_alpha: float) -> float:
        alpha = math.exp(log_alpha)
        return mean_square_surrogate(alpha, state, cells.threshold) - wanted

    return math.exp(brentq(excess, -20.0, 20.0, xtol=1e-12))


def mean_square_surrogate(alpha: float, state: SteadyState, threshold: float) -> float:
    """E[h(y)^2], h(v) = alpha exp(-2 alpha |v - theta|), y ~ N(mu, s^2), in closed form.

    With z = y - theta ~ N(m, s^2) and b = 4 alpha, E[exp(-b |z|)] is the sum over both signs of
    exp(b^2 s^2 / 2 -+ b m) Phi(+-m / s - b s).
    """
    from scipy.special import log_ndtr

    m, s, b = state.mean - threshold, state.deviation, 4 * alpha
    spread = b * b * s * s / 2
    above = math.exp(spread - b * m + float(log_ndtr(m / s - b * s)))
    below = math.exp(spread + b * m + float(log_ndtr(-m / s - b * s)))
    return alpha * alpha * (above + below)


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _kaiming(layer: Layer) -> float:
    return math.sqrt(2)


def _spikeinit(layer: Layer) -> float:
    threshold = layer.cells.threshold
    if layer.first:
        deviation = first_layer_deviation(threshold, layer.kappa, layer.rate)
    else:
        state = steady_state(threshold, layer.kappa, layer.rate)
        deviation = math.sqrt(state.current_variance)
    return deviation / (layer.input_decay * math.sqrt(layer.mean_square))


def _fluctuation(layer: Layer) -> float:
    deviation = layer.cells.threshold * math.sqrt(1 - layer.kappa**2) / FLUCTUATIONS
    return deviation / (layer.input_decay * math.sqrt(layer.mean_square))


def _ding(layer: Layer) -> float:
    return math.sqrt(2) * layer.cells.threshold / layer.input_decay


def _micheli(layer: Layer) -> float:
    from scipy.special import ndtr

    return 1 / math.sqrt(float(ndtr(-layer.cells.threshold)))


STARTS = {
    "kaiming": Start(_kaiming),
    "spikeinit": Start(_spikeinit, measures=True, closes_branches=True),
    "fluctuation": Start(_fluctuation, measures=True),
    "ding": Start(_ding),
    "micheli": Start(_micheli),
    "authors": Start(None),
}


def start_of(config: TrialConfig) -> Start:
    """Returns the rule that a config names."""
    return STARTS[config.model.init]


def check_rate(config: TrialConfig) -> None:
    """Raises ConfigError where cells cannot be started at the rate that the config asks for."""
    gain = start_of(config).gain
    if config.circuit is not None or gain is None:
        return
    rate = rate_of(config)
    try:
        cells = cells_of(config)
        for first in (True, False):
            gain(Layer(cells, rate, 1.0 if first else rate, first))
    except ValueError as error:
        raise ConfigError(str(error)) from None


def rate_of(config: TrialConfig) -> float:
    """Returns p, the rate at which cells are meant to fire."""
    rate = config.model.init_rate
    return DEFAULT_RATE if rate is None else rate


def cells_of(config: TrialConfig) -> NeuronConfig:
    """Returns the config's cells; with spikeinit, solves for alpha of an exponential surrogate."""
    cells = config.neuron
    solved = config.model.init == "spikeinit" and cells.surrogate == "exponential"
    if not solved or cells.alpha is not None:
        return cells
    return cells.model_copy(update={"alpha": surrogate_width(cells, rate_of(config))})


def deviation_of(config: TrialConfig) -> float:
    """Returns the standard deviation of the potentials at the rate that a network starts from."""
    kappa = 1 - 1 / config.neuron.tau
    return steady_state(config.neuron.threshold, kappa, rate_of(config)).deviation

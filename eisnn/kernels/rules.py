"""What a kernel must know about a layer's config, as numbers."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.layers.circuit import (
    ZERO_FLOOR,
    ZERO_FLOOR_DEFAULT,
    ZERO_TOLERANCE,
    ZERO_TOLERANCE_DEFAULT,
)
from eisnn.layers.neurons import DEFAULT_ALPHA

# The kernels know these words by their positions.
STABILISERS = ("min_positive", "epsilon", "clamp", "none")
SURROGATES = ("sigmoid", "atan", "triangle")


class Rules(NamedTuple):
    """The numbers in the order of ``struct Rules`` in cpu/circuit.cpp.

    The defaults describe LIF cells without a circuit.
    """

    subtractive: float = 0
    divisive: float = 0
    rectify: float = 0
    stabiliser: float = 0
    zero_tolerance: float = 0
    zero_floor: float = 0
    epsilon: float = 0
    detach: float = 0
    scale_W_EI: float = 1
    scale_g_I: float = 1
    decay: float = 0.5
    threshold: float = 1
    surrogate: float = 0
    alpha: float = 4
    soft: float = 1
    detach_reset: float = 1


def rules(
    circuit: CircuitConfig | None,
    neuron: NeuronConfig,
    *,
    n_E: int = 1,
    fan_in: int = 1,
    dtype: torch.dtype = torch.float32,
) -> list[float]:
    """Returns the rules of a layer with n_E excitatory cells of ``fan_in`` inputs, in ``dtype``."""
    default_alpha = DEFAULT_ALPHA[neuron.surrogate]
    cells = {
        "decay": 1 - 1 / neuron.tau,
        "threshold": neuron.threshold,
        "surrogate": SURROGATES.index(neuron.surrogate),
        "alpha": default_alpha if neuron.alpha is None else neuron.alpha,
        "soft": neuron.reset == "soft",
        "detach_reset": neuron.detach_reset,
    }
    if circuit is None:
        return [float(value) for value in Rules(**cells)]
    prop = circuit.prop
    inhibition = {
        "subtractive": circuit.subtractive,
        "divisive": circuit.divisive,
        "rectify": circuit.dale == "none",
        "stabiliser": STABILISERS.index(prop.stabiliser),
        "zero_tolerance": ZERO_TOLERANCE.get(dtype, ZERO_TOLERANCE_DEFAULT),
        "zero_floor": ZERO_FLOOR.get(dtype, ZERO_FLOOR_DEFAULT),
        "epsilon": 1e-6 if prop.epsilon is None else prop.epsilon,
        "detach": prop.detach,
        "scale_W_EI": float(fan_in) ** -prop.grad_scale_exponent,
        "scale_g_I": 1 / (math.sqrt(n_E) * fan_in) if prop.corrections == "dann" else 1,
    }
    return [float(value) for value in Rules(**cells, **inhibition)]

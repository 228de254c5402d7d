"""What a kernel is told of a layer, as numbers."""

import pytest
import torch

from eisnn.config.sections.circuit import CircuitConfig
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.kernels.rules import Rules, rules
from eisnn.layers.circuit import ZERO_FLOOR, ZERO_TOLERANCE


def test_the_numbers_of_a_circuit_by_hand():
    circuit = CircuitConfig.model_validate({"prop": {"grad_scale_exponent": 0.5}})
    found = Rules(*rules(circuit, NeuronConfig(tau=4.0), n_E=9, fan_in=16, dtype=torch.float64))
    assert found.decay == 0.75
    assert found.scale_W_EI == 0.25  # 16^-0.5
    assert (found.subtractive, found.divisive, found.rectify, found.stabiliser) == (1, 1, 0, 0)
    assert found.zero_tolerance == ZERO_TOLERANCE[torch.float64]
    assert found.zero_floor == ZERO_FLOOR[torch.float64]


def test_danns_correction_of_the_gains_by_hand():
    circuit = CircuitConfig.model_validate({"prop": {"corrections": "dann"}})
    found = Rules(*rules(circuit, NeuronConfig(), n_E=9, fan_in=16))
    assert found.scale_g_I == pytest.approx(1 / (3 * 16))


def test_cells_alone_have_no_inhibition():
    neuron = NeuronConfig(surrogate="triangle", reset="hard", detach_reset=False)
    found = Rules(*rules(None, neuron))
    assert (found.subtractive, found.divisive, found.detach) == (0, 0, 0)
    assert (found.surrogate, found.alpha, found.soft, found.detach_reset) == (2, 1, 0, 0)

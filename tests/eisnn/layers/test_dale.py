"""Dale's law on a weight."""

import math

import pytest
import torch

from eisnn.layers.dale import effective, raw_for

RAW = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("dale", "weights"),
    [
        ("project", [-1, 0, 2]),  # as is: the optimiser keeps it at or above 0
        ("none", [-1, 0, 2]),
        ("abs", [1, 0, 2]),
        ("softplus", [math.log1p(math.exp(-1)), math.log(2), math.log1p(math.exp(2))]),
        ("exp", [math.exp(-1), 1, math.exp(2)]),
    ],
)
def test_the_weight_that_the_network_uses_by_hand(dale, weights):
    assert effective(RAW, dale).tolist() == pytest.approx(weights)


@pytest.mark.parametrize("dale", ["project", "abs", "softplus", "exp", "none"])
def test_a_weight_that_is_set_is_the_weight_that_is_used(dale):
    weights = torch.tensor([1e-6, 0.3, 40.0], dtype=torch.float64)
    torch.testing.assert_close(effective(raw_for(weights, dale), dale), weights)


@pytest.mark.parametrize("dale", ["softplus", "exp"])
def test_a_weight_of_zero_becomes_the_smallest_that_there_is(dale):
    zero = raw_for(torch.zeros(1, dtype=torch.float64), dale)
    assert effective(zero, dale).item() == pytest.approx(1e-8)

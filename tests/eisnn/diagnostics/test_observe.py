"""What is seen of a network from outside."""

import torch

from eisnn.diagnostics.observe import parameters, sample
from tests.eisnn.diagnostics.small_nets import mlp


def test_parameters_have_a_layer_and_a_kind():
    model = mlp(neuron={"learnable_tau": True})
    names = [(layer, kind) for layer, kind, _ in parameters(model)]
    assert names[:7] == [
        ("hidden.0", kind) for kind in ("W_EE", "W_IE", "W_EI", "g_I", "g_E", "b_E", "log_tau")
    ]
    assert names[-1] == ("output", "W_EI")
    assert len(names) == len(set(names)) == len(list(model.parameters()))


def test_sample_visits_every_position_alike():
    x = torch.arange(7 * 28 * 28).remainder(28).float()
    taken = sample(x, 500)
    assert len(taken) <= 500
    assert taken.unique().numel() == 28
    assert torch.equal(sample(x[:10], 10), x[:10])

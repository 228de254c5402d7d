"""Diagnostics of the user's own."""

import pytest
import torch
from torch import nn

from eisnn.config.user_code import UserCodeError
from eisnn.diagnostics.own import own_quantities


@pytest.fixture(autouse=True)
def probes(own_module):
    own_module(
        "own_probes",
        "import torch\n"
        "def largest(model, x, y):\n"
        "    assert not model.training\n"
        "    torch.rand(7)\n"
        "    return {'map': {'weight': model.weight.detach().max(), 'images': len(x)}}\n"
        "def broken(model, x, y):\n"
        "    return {'map': {'weight': 'heavy'}}\n",
    )


def network():
    net = nn.Linear(2, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.5, -3.0]]))
    return net


def test_what_is_measured_is_named_by_layer_and_training_does_not_notice():
    net, x, y = network(), torch.zeros(4, 2), torch.zeros(4)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    found = own_quantities("own_probes:largest", net, x, y)
    assert found == {("map", "own/weight"): 0.5, ("map", "own/images"): 4.0}
    assert net.training
    assert torch.equal(torch.rand(1), expected)


def test_what_goes_wrong_is_said_with_its_name():
    net = network()
    message = r"diagnostics: own_probes:broken: raised ValueError: could not convert"
    with pytest.raises(UserCodeError, match=message):
        own_quantities("own_probes:broken", net, torch.zeros(4, 2), torch.zeros(4))
    assert net.training

"""Networks of the user's own: their weights stay, and their answers are checked."""

import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.config.user_code import UserCodeError
from eisnn.networks import build_model, initialize


def test_a_network_of_the_users_keeps_its_weights(own_module):
    own_module(
        "their_start",
        "from torch import nn\nfrom eisnn.networks.families import Layers\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, config, shape, classes):\n"
        "        super().__init__()\n"
        "        self.block = Layers(config).block(4, classes, 'one')\n"
        "    def forward(self, x):\n"
        "        return self.block(x.flatten(1), True).unflatten(0, (2, -1)).mean(0)\n",
    )
    model = {"factory": "their_start:Net", "init": "spikeinit", "T": 2, "input_shape": [1, 2, 2]}
    net = build_model(make_config({"model": {**model, "classes": 3}}))
    before = net.net.block.drive.map.weight.clone()
    initialize(net, torch.rand(4, 1, 2, 2))
    assert torch.equal(net.net.block.drive.map.weight, before)


@pytest.fixture
def steps(own_module):
    """A network of the user's that answers at every step: its logits are step + 1."""
    own_module(
        "their_steps",
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, config, shape, classes):\n"
        "        super().__init__()\n"
        "        self.one = torch.nn.Parameter(torch.ones(()))\n"
        "        self.classes, self.T = classes, config.model.options['T']\n"
        "    def forward(self, x):\n"
        "        steps = torch.arange(1.0, self.T + 1)[:, None, None]\n"
        "        return self.one * steps.expand(self.T, len(x), self.classes)\n",
    )

    def build(T):
        model = {"factory": "their_steps:Net", "T": 3, "classes": 2, "options": {"T": T}}
        return build_model(make_config({"model": {**model, "input_shape": [1, 2, 2]}}))

    return build


def test_answers_of_every_step_are_averaged_or_kept(steps):
    net, x = steps(3), torch.rand(4, 1, 2, 2)
    initialize(net, x)
    assert net(x).tolist() == [[2.0, 2.0]] * 4
    assert net(x, each_step=True)[:, 0, 0].tolist() == [1.0, 2.0, 3.0]


def test_answers_of_another_number_of_steps_are_refused(steps):
    message = (
        r"model\.factory: their_steps:Net: for input \(4, 1, 2, 2\) the network must return logits"
        r" of shape \(4, 2\) \(images, classes\), given shape \(5, 4, 2\)"
    )
    with pytest.raises(UserCodeError, match=message):
        initialize(steps(5), torch.rand(4, 1, 2, 2))

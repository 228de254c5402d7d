"""From a config, in whatever form it is given, to a network."""

import pytest
import torch

from eisnn.config.sections.model import ModelConfig
from eisnn.config.trial import TrialConfig, make_config
from eisnn.errors import ConfigError
from eisnn.networks import build_model, with_shapes


def test_a_config_may_be_a_section_a_dict_of_it_or_the_whole():
    section = {"arch": "MLP", "layers": 2, "width": 0.1}
    shapes = [
        [tuple(p.shape) for p in build_model(config).parameters()]
        for config in (
            section,
            {"model": section},
            ModelConfig(**section),
            TrialConfig(model=ModelConfig(**section)),
        )
    ]
    assert all(shape == shapes[0] for shape in shapes)
    with pytest.raises(ConfigError, match="layres"):
        build_model({"arch": "MLP", "layres": 2})


def test_a_datasets_shape_fills_only_what_the_config_leaves_open():
    config = make_config({"model": {"arch": "MLP", "layers": 2, "classes": 12}})
    filled = with_shapes(config, (1, 8, 8), 10).model
    assert (filled.input_shape, filled.classes) == ((1, 8, 8), 12)


def test_layers_of_the_users_are_drawn_by_the_configs_seed(own_module):
    own_module(
        "their_linear",
        "from torch import nn\n"
        "def build(config, shape, classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(shape[1] * shape[2], classes))\n",
    )
    model = {"factory": "their_linear:build", "input_shape": [1, 2, 2], "classes": 3}
    nets = [build_model({"model": model, "seed": seed}) for seed in (0, 0, 1)]
    first, same, other = (net.get_parameter("net.1.weight") for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)

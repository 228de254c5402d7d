"""E-I Init and its rivals.

Against the authors' numbers, and in the moments and balances that they promise.
"""

import pytest
import torch
from torch import nn

from eisnn.errors import SilentInput
from eisnn.networks import build_model, initialize
from eisnn.networks.circuit_init import (
    divisive_gain,
    input_statistics,
    weight_mean,
)

NET = {"model": {"arch": "VGG", "layers": 5, "width": 0.25, "T": 4, "input_shape": [1, 28, 28]}}


def images(n=32, seed=0):
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(seed))


def test_every_layer_is_initialised_on_the_output_of_those_below_it():
    model, x = build_model(NET), images()
    initialize(model, x, seed=0)
    inputs = {}
    for module, drive in model.driven():
        module.register_forward_pre_hook(
            lambda _m, args, drive=drive: inputs.__setitem__(drive.name, (drive, *args))
        )
    model(x)
    assert len(inputs) == 5
    for name, (drive, seen, *shared) in inputs.items():
        statistics = input_statistics(seen, model.T if any(shared) else 1)
        if name == "output":
            continue
        assert drive.g_I[0].item() == pytest.approx(
            divisive_gain(statistics, drive.fan_in), rel=1e-5
        ), name
        assert drive.W_EE.mean().item() == pytest.approx(
            weight_mean(statistics, drive.fan_in), rel=4 / drive.W_EE.numel() ** 0.5
        ), name


def test_the_same_seed_gives_the_same_weights_and_layers_do_not_share_random_numbers():
    a, b, c = (build_model(NET) for _ in range(3))
    for model, seed in ((a, 1), (b, 1), (c, 2)):
        initialize(model, images(), seed=seed)
    state_a, state_b, state_c = (model.state_dict() for model in (a, b, c))
    assert all(torch.equal(state_a[name], state_b[name]) for name in state_a)
    assert not torch.equal(state_a["output.W_EE"], state_c["output.W_EE"])


def test_a_layers_random_numbers_do_not_depend_on_the_other_layers():
    """So that an ablation of one layer leaves the draws of the rest as they were."""
    wide = build_model({"model": {**NET["model"], "layers": 4}})
    deep = build_model(NET)
    for model in (wide, deep):
        initialize(model, images(), seed=0)
    first = [next(model.circuits()) for model in (wide, deep)]
    assert torch.equal(first[0].W_EE, first[1].W_EE)


def test_initialising_twice_is_refused_unless_asked():
    model = build_model(NET)
    initialize(model, images(), seed=0)
    before = model.state_dict()["output.W_EE"].clone()
    with pytest.raises(RuntimeError, match="initialised already; pass again=True"):
        initialize(model, images(), seed=1)
    assert torch.equal(model.state_dict()["output.W_EE"], before)
    initialize(model, images(), seed=1, again=True)
    assert not torch.equal(model.state_dict()["output.W_EE"], before)


SILENT, CONSTANT = torch.zeros(8, 1, 28, 28), torch.full((8, 1, 28, 28), 0.5)


@pytest.mark.parametrize(
    ("x", "what"), [(SILENT, "is silent"), (CONSTANT, "does not vary over the batch")]
)
def test_an_input_that_gives_zero_over_zero_is_an_error_that_names_the_layer(x, what):
    model = build_model(NET)
    with pytest.raises(SilentInput, match=f"'features.0': its input {what}"):
        initialize(model, x, seed=0)
    assert not model.initialized


def test_cells_that_do_not_fire_silence_the_next_layer_by_name():
    model = build_model({**NET, "circuit": {"init": {"gain": 0.01}}})
    with pytest.raises(
        SilentInput, match=r"'features\.2': its input is silent.*raise circuit.init.gain"
    ):
        initialize(model, images(), seed=0)


@pytest.mark.parametrize("mode", [True, False])
def test_initialising_leaves_the_mode_and_the_running_statistics_as_they_were(mode):
    model = build_model({"model": {**NET["model"], "norm": "bn"}}).train(mode)
    initialize(model, images(), seed=0)
    assert model.training is mode
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(
        (n.running_mean == 0).all() and (n.running_var == 1).all() and n.num_batches_tracked == 0
        for n in norms
    )
    conv = next(
        module
        for module in model.modules()
        if isinstance(module, nn.Conv2d) and module.in_channels > 1
    )
    assert conv.weight.square().mean().item() == pytest.approx(2 / conv.weight[0].numel(), rel=0.1)


@pytest.mark.parametrize("arch", [("MLP", 16), ("VGG", 19), ("ResNet", 34)], ids=str)
def test_deep_networks_are_alive_in_every_layer_after_init(arch):
    model = build_model(
        {
            "model": {
                "arch": arch[0],
                "layers": arch[1],
                "width": 0.25,
                "T": 4,
                "input_shape": [3, 32, 32],
            }
        }
    )
    rates = []
    for block in model.blocks():
        block.register_forward_hook(lambda _b, _a, s: rates.append(s.mean().item()))
    x = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    initialize(model, x, seed=0)
    rates.clear()
    logits = model(x)
    assert all(0.005 < rate < 0.6 for rate in rates), rates
    assert logits.std() > 0

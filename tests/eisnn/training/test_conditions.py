"""Accuracy under changed test conditions, on numbers that can be checked by hand, and on networks
that are built for the condition."""

import pytest
import torch
from torch import nn

from eisnn.config.conditions import condition_of
from eisnn.config.sections.neuron import NeuronConfig
from eisnn.config.trial import make_config
from eisnn.data.batches import Split, batches
from eisnn.data.loading import load
from eisnn.errors import ConfigError
from eisnn.layers.neurons import LIF
from eisnn.networks import build_model, initialize
from eisnn.seeding import generator
from eisnn.training.conditions import accuracy_under, change
from eisnn.training.evaluation import evaluate
from eisnn.training.fit import fit
from eisnn.training.run import with_data


class Threshold(nn.Module):
    """Class 1 if the pixel is above 0.5."""

    T = 2

    def forward(self, x):
        return torch.stack([torch.full((len(x),), 0.5), x.flatten()], 1)


class OneCell(nn.Module):
    """Class 1 if a cell that the pixel drives ever spikes; tau = 2, threshold 1, soft reset."""

    def __init__(self):
        super().__init__()
        self.T = 2
        self.cell = LIF(NeuronConfig(), self.T)

    def forward(self, x):
        spikes = self.cell(x.flatten(1), shared=True).unflatten(0, (self.T, -1)).mean(0)
        return torch.cat([torch.full_like(spikes, 0.1), spikes], 1)


def split(pixels, labels):
    return Split(torch.tensor(pixels).view(-1, 1, 1, 1), torch.tensor(labels), 1.0)


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("brightness_1", 1.0),
        ("noise_0", 1.0),
        ("brightness_0.5", 0.5),  # pixels 0.1, 0.2, 0.3, 0.4: none above 0.5, the first two right
        ("brightness_2", 0.75),  # 0.4, 0.8, 1.2, 1.6: only the second is wrong
    ],
)
def test_brightness_multiplies_the_images(word, right):
    images = split([0.2, 0.4, 0.6, 0.8], [0, 0, 1, 1])
    assert accuracy_under(condition_of(word), Threshold(), images) == right


def test_more_steps_let_a_weak_current_reach_the_threshold():
    """0.6 leads to v = 0.6, 0.9, 1.05: the first spike comes in the third step."""
    network, images = OneCell(), split([0.6], [1])
    found = [accuracy_under(condition_of(f"steps_{n}"), network, images) for n in (1, 2, 3)]
    assert found == [0, 0, 1]
    assert network.T == network.cell.T == 2  # as before


def test_noise_is_of_its_size_and_the_same_in_batches_of_any_size():
    x = torch.full((4, 3, 50, 50), 5.0)
    noise = condition_of("noise_0.3")
    whole = change(x, noise, generator("noise"))
    drawn = generator("noise")
    assert torch.equal(whole, torch.cat([change(part, noise, drawn) for part in x.split(2)]))
    assert (whole - x).std().item() == pytest.approx(0.3, abs=0.01)
    assert change(0 * x, noise, generator("noise")).min() == 0  # E-I circuits need inputs >= 0


def config(norm, T, **circuit):
    model = {"arch": "MLP", "layers": 4, "width": 0.1, "norm": norm, "T": T}
    tree = {"model": model, "data": {"name": "digits", "train_size": 200, "test_size": 100}}
    tree["train"] = {"epochs": 2, "batch_size": 50, "learning_rate": 0.02}
    return make_config({**tree, "circuit": circuit} if circuit else tree)


@pytest.mark.parametrize(
    ("norm", "circuit"), [("ei", {}), ("bn", {}), ("ei", {"inhibitory_cells": "spiking"})]
)
def test_changed_steps_are_those_of_a_network_built_with_as_many(norm, circuit):
    data = load(config(norm, 4).data, T=4)
    images = data.test
    network, longer = (build_model(with_data(config(norm, T, **circuit), data)) for T in (4, 7))
    x, _ = next(batches(images, 50))
    initialize(network, x, seed=1)
    longer.load_state_dict(network.state_dict())
    before = evaluate(network, images).accuracy
    seven = accuracy_under(condition_of("steps_7"), network, images)
    assert seven == evaluate(longer, images).accuracy
    assert evaluate(network, images).accuracy == before


def test_a_run_measures_conditions_once_on_test_data():
    asked = {"same": "brightness_1", "longer": "steps_4", "dark": "brightness_0"}
    plain = fit(config("ei", 2), test=True, device="cpu")
    found = fit(config("ei", 2), test=True, device="cpu", metrics=asked)
    assert found["test/same"] == found["test/accuracy"] == plain["test/accuracy"]
    assert found["test/dark"] < 0.2 < found["test/longer"]
    assert "test/longer_best" in found
    assert "val/longer" not in found


@pytest.mark.parametrize("norm", ["tebn", "bntt"])
def test_weights_of_each_step_forbid_other_steps(norm):
    with pytest.raises(ConfigError, match=f"metrics.longer: .*{norm} has weights for each"):
        fit(config(norm, 2), device="cpu", metrics={"longer": "steps_4"})

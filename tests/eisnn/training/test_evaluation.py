"""What is measured of a network, and when a run goes nowhere."""

from __future__ import annotations

import math

import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.data.batches import batches
from eisnn.data.loading import load
from eisnn.errors import Diverged
from eisnn.networks import build_model
from eisnn.networks.initialization import initialize
from eisnn.training.evaluation import Evaluation, above_chance, chance_check, check_alive, evaluate
from eisnn.training.fit import fit
from eisnn.training.run import with_data
from tests.eisnn.training.runs import tiny


def test_rates_of_foreign_cells_that_say_so_are_measured(own_module):
    """A cell that fires at every second step, by hand."""
    own_module(
        "my_cells",
        "import torch\n"
        "from torch import nn\n"
        "class Cell(nn.Module):\n"
        "    spiking = True\n"
        "    def forward(self, x, t):\n"
        "        return torch.full_like(x, t % 2), x\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.map, self.cell = nn.Linear(64, 10), Cell()\n"
        "    def forward(self, x):\n"
        "        y = self.map(x.flatten(1))\n"
        "        return y + sum(self.cell(y, t)[0] for t in range(4))\n"
        "def build(config, shape, classes):\n    return Net()\n",
    )
    config = make_config(
        {
            "model": {"factory": "my_cells:build"},
            "data": {"name": "digits", "train_size": 300},
            "train": {"epochs": 1},
        }
    )
    assert fit(config)["firing_rate"] == 0.5


def test_nan_weights_are_not_mistaken_for_silence():
    """A cell driven by NaN never fires, so that the loss stays finite."""
    config = tiny()
    data = load(config.data, T=config.model.T)
    model = build_model(with_data(config, data))
    initialize(model, next(batches(data.train, 30))[0])
    assert evaluate(model, data.validation).finite
    model.body.layers[1].drive.g_I.data[0] = torch.nan
    measured = evaluate(model, data.validation)
    assert math.isfinite(measured.loss)
    with pytest.raises(Diverged, match="weights are not finite after epoch 1"):
        check_alive(1, 2.3, measured)


@pytest.mark.parametrize(
    ("rates", "constant", "epoch", "reason"),
    [
        ({"a": 0.2, "b": 0.0}, True, 2, "silent after epoch 2: layer b never fires"),
        ({"a": 0.99, "b": 0.1}, True, 2, "saturated after epoch 2: layer a"),
        ({"a": 0.2, "b": 0.3}, True, 2, "dead after epoch 2: all images get the same answer"),
        ({}, True, 2, "dead after epoch 2"),  # of a network without cells of ours
        ({"a": 0.2, "b": 0.3}, True, 1, None),
        ({"a": 0.2, "b": 0.0}, True, 1, None),  # it may still wake up
        ({"a": 0.2, "b": 0.0}, False, 5, None),  # a residual path goes around the silent layer
    ],
)
def test_what_counts_as_dead(rates, constant, epoch, reason):
    measured = Evaluation(loss=2.3, accuracy=0.1, rates=rates, constant=constant)
    if reason is None:
        check_alive(epoch, 2.3, measured)
    else:
        with pytest.raises(Diverged, match=reason):
            check_alive(epoch, 2.3, measured)


@pytest.mark.parametrize(
    ("images", "classes", "needed"),
    [
        (3, 10, 3),  # P(3 of 3) = 0.001, P(2 or 3) = 0.028
        (1, 10, 2),  # one image cannot show it: P = 0.1
        (4, 2, 5),  # nor four coins: P = 1/16
        (7, 2, 7),  # P(7 of 7) = 1/128, P(6 or 7) = 8/128
        (10, 10, 5),  # P(X >= 5) = 0.0016, P(X >= 4) = 0.0128: printed tables of Bin(10, 0.1)
    ],
)
def test_how_many_right_answers_are_more_than_guesses(images, classes, needed):
    assert above_chance(images, classes) == needed


@pytest.mark.parametrize(
    ("warmup", "epoch", "accuracy", "ends"),
    [
        ({}, 1, 0.4, False),
        ({}, 2, 0.4, True),
        ({}, 2, 0.5, False),
        ({}, 9, 0.0, True),
        ({"warmup_epochs": 3.0}, 3, 0.4, False),
        ({"warmup_epochs": 3.0}, 4, 0.4, True),
        ({"warmup_fraction": 0.25}, 3, 0.4, False),  # 2.5 of 10 epochs
        ({"warmup_fraction": 0.25}, 4, 0.4, True),
    ],
)
def test_a_run_at_chance_level_ends_if_asked(warmup, epoch, accuracy, ends):
    asked = tiny(epochs=10, stop_at_chance=True, **warmup).train
    chance_check(tiny(epochs=10, **warmup).train, images=10, classes=10)(epoch, accuracy)
    check = chance_check(asked, images=10, classes=10)
    if not ends:
        check(epoch, accuracy)
        return
    reason = (
        f"at chance level: {round(10 * accuracy)} of 10 validation images right after epoch"
        f" {epoch}, chance is 1/10"
    )
    with pytest.raises(Diverged, match=reason):
        check(epoch, accuracy)

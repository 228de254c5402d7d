"""Batches of an epoch, and the step that a GPU captures against the plain loop."""

from __future__ import annotations

import math

import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.data.loading import load
from eisnn.errors import Diverged
from eisnn.training.fit import first_batch, fit
from eisnn.training.run import Run
from tests.eisnn.training.runs import two_epochs


@pytest.mark.parametrize("norm", ["ei", "bn"])
def test_one_image_left_over_trains_with_every_norm(norm):
    """Of 300 images 30 validate; 269 + 1 train."""
    said: list[str] = []
    final = fit(two_epochs(norm, batch_size=269, epochs=1), say=said.append)
    right = 270 * final["train/accuracy"]  # images
    assert right == pytest.approx(round(right), abs=1e-9)
    assert any("has 270 images" in line for line in said)


def test_circuits_train_on_single_images():
    """Only their start needs a variance over images: it is taken from the first 128."""
    final = fit(two_epochs(batch_size=1, epochs=1, learning_rate=0.002))
    assert final["val/accuracy"] > 0.3  # of ten classes
    data = load(two_epochs().data, T=2)
    run = Run(two_epochs(batch_size=1), data, torch.device("cpu"), keep_best=False)
    assert len(first_batch(run, data.train)) == 128


def test_batch_normalisation_of_single_images_without_positions_is_an_outcome_with_a_reason():
    """Diverged, which a study counts as chance: a value less its own mean is 0 for every image."""
    with pytest.raises(
        Diverged, match=r"train\.batch_size: must be at least 2 with model\.norm: bn in MLP"
    ):
        fit(two_epochs("bn", batch_size=1, epochs=1))


def test_batch_normalisation_of_single_images_trains_where_they_have_positions():
    given = make_config(
        {
            "model": {"arch": "VGG", "layers": 4, "width": 0.1, "T": 2, "norm": "bn"},
            "data": {"name": "digits", "train_size": 100},
            "train": {"epochs": 1, "batch_size": 1, "learning_rate": 0.01},
        }
    )
    assert fit(given)["val/loss"] < math.log(10)  # of chance

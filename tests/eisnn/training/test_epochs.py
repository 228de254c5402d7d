"""Batches of an epoch, and the step that a GPU captures against the plain loop."""

from __future__ import annotations

import pytest

from eisnn.config.trial import make_config
from eisnn.config.yaml_file import ConfigError
from eisnn.training.fit import fit


def config(norm: str = "ei", train_size: int = 300, **train: object):
    return make_config(
        {
            "model": {"arch": "MLP", "layers": 4, "width": 0.1, "T": 2, "norm": norm},
            "data": {"name": "digits", "train_size": train_size},
            "train": {"epochs": 2, "batch_size": 40, "learning_rate": 0.02, **train},
        }
    )


@pytest.mark.parametrize("norm", ["ei", "bn"])
def test_one_image_left_over_trains_with_every_norm(norm):
    """Of 300 images 30 validate; 269 + 1 train."""
    said: list[str] = []
    final = fit(config(norm, batch_size=269, epochs=1), say=said.append)
    assert 0 <= final["val/accuracy"] <= 1
    assert any("has 270 images" in line for line in said)


@pytest.mark.parametrize("norm", ["ei", "bn"])
def test_a_batch_size_of_one_is_named(norm):
    with pytest.raises(
        ConfigError, match=r"train\.batch_size: must be at least 2 with model\.norm"
    ):
        fit(config(norm, batch_size=1, epochs=1))

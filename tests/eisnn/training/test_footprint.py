"""The rehearsal that a memory probe runs, on the CPU: the same code, another meter."""

from __future__ import annotations

import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.data.loading import load
from eisnn.training.footprint import first, rehearse


def config(batch_size: int = 64, width: float = 0.2):
    return make_config({
        "model": {"arch": "MLP", "layers": 4, "T": 2, "width": width},
        "data": {"name": "digits", "train_size": 300, "test_size": 50},
        "train": {"batch_size": batch_size, "epochs": 1},
    })  # fmt: skip


@pytest.mark.parametrize("diagnose", ["off", "scalars", "distributions"])
def test_a_rehearsal_measures_a_peak_within_the_machines_memory(diagnose):
    reading = rehearse(config(), "cpu", diagnose)
    assert 0 <= reading.peak < reading.total
    assert reading.outside == 0


def test_the_first_images_of_a_split_are_its_own():
    for split in (load(config().data, T=2).train, load(config().data, T=2).test):
        few = first(split, 7)
        assert torch.equal(few.images, split.images[:7])
        assert torch.equal(few.labels, split.labels[:7])
        assert len(first(split, 10**6)) == len(split)

"""What a run would refuse at its start is refused without a run, and what it takes is not."""

from dataclasses import replace

import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.data.loading import Dataset, load
from eisnn.errors import ConfigError
from eisnn.training.beforehand import check


def config(**model: object):
    tree = {"model": {"arch": "MLP", "layers": 2, "norm": "ei", "T": 2, **model}}
    return make_config({**tree, "data": {"name": "digits", "train_size": 40, "test_size": 20,
                                         "validation_fraction": 0.3}})  # fmt: skip


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(config().data, T=2)


def shifted(data: Dataset) -> Dataset:
    """The same images as floats, with one value below 0."""
    images = data.train.stored.float()
    images[0, 0, 0, 0] = -0.5
    return replace(data, train=replace(data.train, stored=images))


def test_what_can_be_trained_passes(digits):
    check(config(), digits, {"longer": "steps_8", "top": "top5_accuracy"})
    check(config(norm="bn"), shifted(digits), {})


def test_circuits_need_images_without_negative_values(digits):
    with pytest.raises(ConfigError, match=r"data.name: an E-I circuit needs inputs >= 0"):
        check(config(), shifted(digits), {})


def test_accuracies_need_classes(digits):
    numbers = replace(digits.test, labels=torch.rand(len(digits.test)))
    with pytest.raises(ConfigError, match=r"metrics.noisy: is an accuracy, and the labels of "):
        check(config(), replace(digits, test=numbers), {"noisy": "noise_0.3"})
    with pytest.raises(ConfigError, match=r"metrics.top: top5_accuracy needs labels that are "):
        check(config(), replace(digits, test=numbers), {"top": "top5_accuracy"})

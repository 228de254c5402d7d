"""Digits are scikit-learn's, read without it."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from eisnn.data.batches import batches
from tests.eisnn.data.given import digits


def numbers(split):
    """Each image as bytes, so that sets of images can be compared."""
    return [image.numpy().tobytes() for image in split.images]


def test_digits_are_those_of_scikit_learn_in_the_unit_interval():
    dataset = digits()
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (1258, 180, 359)
    assert (dataset.classes, dataset.input_shape) == (10, (1, 8, 8))
    expected = {
        (image.astype(np.uint8).tobytes(), int(label))
        for image, label in zip(*load_digits(return_X_y=True), strict=True)
    }
    found = [
        pair
        for split in (dataset.train, dataset.validation, dataset.test)
        for pair in zip(numbers(split), split.labels.tolist(), strict=True)
    ]
    assert set(found) == expected
    assert len(found) == 1797
    x, _ = next(batches(dataset.train, 1258))
    assert (x.dtype, x.min().item(), x.max().item()) == (torch.float32, 0.0, 1.0)

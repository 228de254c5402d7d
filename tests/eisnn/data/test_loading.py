"""What comes out of eisnn.data.loading.

The right images, in exact, disjoint, stratified, reproducible splits.
"""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from eisnn.data.readers.idx import FILES
from eisnn.errors import DataError
from tests.eisnn.data.given import digits, load
from tests.eisnn.data.idx_files import write_idx, write_mnist


def test_splits_are_disjoint():
    dataset = digits()
    rows = torch.cat([dataset.train.rows, dataset.validation.rows, dataset.test.rows])
    assert sorted(rows.tolist()) == list(range(1797))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_splits_are_stratified(part):
    labels = getattr(digits(), part).labels
    share = np.bincount(labels, minlength=10) / len(labels)
    whole = np.bincount(load_digits().target) / 1797
    assert np.abs(share - whole).max() * len(labels) <= 1  # at most one image off


def test_splits_are_a_function_of_split_seed():
    first, again, other = digits(split_seed=3), digits(split_seed=3), digits(split_seed=4)
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(first, part).rows, getattr(again, part).rows)
        assert not torch.equal(getattr(first, part).rows, getattr(other, part).rows)


def test_train_size_and_validation_fraction_do_not_touch_the_test_set():
    full, small = digits(), digits(train_size=500, validation_fraction=0.3)
    assert torch.equal(full.test.rows, small.test.rows)
    assert (len(small.train), len(small.validation)) == (350, 150)
    assert not set(small.train.rows.tolist()) & set(small.test.rows.tolist())


def test_test_size_is_a_stratified_part_of_the_test_set():
    full, small = digits(), digits(test_size=100)
    assert set(small.test.rows.tolist()) < set(full.test.rows.tolist())
    assert np.bincount(small.test.labels).tolist() == [10] * 10
    assert torch.equal(full.train.rows, small.train.rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"train_size": 1439},
            (
                "data.train_size must be at most 1438, the number of training images of digits,"
                " given 1439"
            ),
        ),
        (
            {"train_size": 9},
            (
                "data.train_size must be at least 10, one image of each class of training images of"
                " digits, given 9"
            ),
        ),
        (
            {"test_size": 360},
            "data.test_size must be at most 359, the number of test images of digits, given 360",
        ),
        (
            {"train_size": 50},
            (
                r"data.validation_fraction \(0.1\) asks for 5 of 50 training images of digits,"
                r" leaving 45"
            ),
        ),
        ({"validation_fraction": 0.999}, "both parts need at least 10 images, one of each class"),
    ],
)
def test_a_size_that_cannot_be_met_is_refused_with_the_numbers(options, message):
    with pytest.raises(DataError, match=message):
        digits(**options)


def test_a_split_without_a_class_is_refused(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / FILES[3], np.arange(50, dtype=np.uint8) % 9)
    with pytest.raises(DataError, match="mnist: no test image is of class 9"):
        load("mnist", tmp_path)

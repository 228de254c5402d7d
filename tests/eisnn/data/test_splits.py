"""Rows of images, divided and chosen exactly."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from eisnn.data import splits
from eisnn.errors import DataError


@pytest.mark.parametrize("size", [10, 11, 1427, 1428, 1429, 1437, 1438])
def test_every_train_size_that_can_be_met_is_met_exactly(size):
    of = np.repeat(np.arange(10), 144)[:1438]
    chosen = splits.choose(of, size, seed=0, key="data.train_size", of="images")
    assert len(set(chosen.tolist())) == size
    assert np.ptp(np.bincount(of[chosen])) <= 3  # the classes hold 144 or 142


def test_people_are_in_training_or_validation_not_both():
    users = np.repeat(np.arange(1, 24), 7)
    rest, held = splits.divide_users(users, 0.1, seed=0, key="k", of="images")
    assert len(set(users[held])) == 2
    assert set(users[rest]) | set(users[held]) == set(range(1, 24))
    assert not set(users[rest]) & set(users[held])
    assert len(rest) + len(held) == len(users)


def test_each_class_is_divided_in_proportion():
    labels = np.array([0] * 6 + [1] * 3)
    rest, held = splits.divide(labels, 3, seed=0, key="data.val_size", of="images")
    assert sorted(labels[held]) == [0, 0, 1]  # two thirds are of class 0
    assert sorted([*rest, *held]) == list(range(9))


@pytest.mark.parametrize("seed", range(20))
def test_indices_are_scikit_learns(seed):
    """Sizes without and with ties in the remainders, classes of unequal size, any order."""
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 11))
    few_of_each = np.repeat(np.arange(classes), 2)
    labels = random.permutation([*few_of_each, *random.integers(0, classes, 300)])
    held_out = int(random.integers(classes, 200))
    ours = splits.divide(labels, held_out, seed=seed, key="k", of="images")
    theirs = train_test_split(
        np.arange(len(labels)), test_size=held_out, random_state=seed, stratify=labels
    )
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.tolist() == sorted(other)


def test_a_class_with_a_single_image_cannot_be_divided():
    with pytest.raises(DataError, match="a class has a single image"):
        splits.divide(np.array([0, 0, 0, 1]), 2, seed=0, key="k", of="images")

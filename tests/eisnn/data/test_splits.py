"""Rows of images, divided and chosen exactly."""

import numpy as np
import pytest

from eisnn.data import splits


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

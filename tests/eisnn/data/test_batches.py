"""Batches: which images, in which order, and on which device."""

import pytest
import torch

from eisnn.config.sections.data import DataConfig
from eisnn.data import batches as data
from eisnn.data.loading import load


def digits():
    return load(DataConfig(name="digits"), T=4)


def test_batches_follow_the_order_and_keep_the_last_partial_one():
    split = digits().train
    order = data.shuffled(len(split), seed=1, epoch=2, device="cpu")
    got = list(data.batches(split, 100, order=order))
    assert [len(y) for _, y in got] == [100] * 12 + [58]
    assert torch.equal(torch.cat([y for _, y in got]), split.labels[order])
    assert torch.equal(torch.cat([x for x, _ in got]), split.images[order].float() / 16)


def test_batches_without_order_come_as_they_are_and_part_of_an_order_is_allowed():
    split = digits().test
    x, y = next(data.batches(split, 1000))
    assert torch.equal(x, split.images.float() / 16)
    assert torch.equal(y, split.labels)
    ((x, _),) = data.batches(split, 4, order=torch.tensor([5, 5, 0]))
    assert torch.equal(x, split.images[[5, 5, 0]].float() / 16)


def test_every_grey_value_stays_in_the_unit_interval():
    stored = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    x, _ = next(data.batches(data.Split(stored, torch.zeros(1, dtype=torch.int64), 1 / 255), 1))
    assert (x.min().item(), x.max().item()) == (0.0, 1.0)
    torch.testing.assert_close(x, stored.float() / 255)


def test_writing_to_a_batch_does_not_reach_the_images():
    split = digits().train
    before = split.images.clone()
    for x, _ in data.batches(split, 64):
        x.zero_()
    assert torch.equal(split.images, before)


def test_a_split_that_exceeds_its_budget_is_streamed():
    split = digits().train
    assert data.to_device(split, "cpu") is split
    moved = data.to_device(split, "meta")
    assert (moved.stored.device.type, moved.rows, len(moved)) == ("meta", None, len(split))
    streamed = data.to_device(split, "meta", budget=1000)
    assert (streamed.stored.device.type, streamed.device.type) == ("cpu", "meta")
    x, y = next(data.batches(streamed, 32, order=torch.arange(100)))
    assert (x.device.type, y.device.type, x.shape, x.dtype) == (
        "meta",
        "meta",
        (32, 1, 8, 8),
        torch.float32,
    )


def test_shuffled_is_a_permutation_and_a_function_of_seed_and_epoch():
    one = data.shuffled(1000, seed=7, epoch=3, device="cpu")
    torch.manual_seed(0)
    assert torch.equal(one, data.shuffled(1000, seed=7, epoch=3, device="cpu"))
    assert sorted(one.tolist()) == list(range(1000))
    others = [
        data.shuffled(1000, seed=s, epoch=e, device="cpu") for s, e in [(7, 4), (8, 3), (3, 7)]
    ]
    assert not any(torch.equal(one, other) for other in others)


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (1, 4, [1]), (5, 4, [5]), (3, 1, [1, 1, 1])],
)
def test_a_last_training_batch_of_one_image_joins_the_batch_before(images, size, expected):
    split = data.Split(torch.zeros(images, 1, 2, 2), torch.arange(images), 1.0)
    served = list(data.batches(split, size, training=True))
    assert [len(y) for _, y in served] == expected
    assert torch.cat([y for _, y in served]).tolist() == list(range(images))
    assert data.batch_count(images, size) == len(expected)

"""Datasets of the user's own: which arrays are taken, how they are split and served."""

import itertools

import numpy as np
import pytest
import torch

from eisnn.config.trial import make_config
from eisnn.config.user_code import UserCodeError
from eisnn.data.batches import batches
from eisnn.data.loading import load, shape_of

NUMBERS = itertools.count()  # a module of each name is imported once
LABELS = np.arange(40, dtype=np.int64) % 2


@pytest.fixture
def serve(tmp_path, own_module):
    """A function that makes a module whose `load` returns a source of the given arrays."""

    def write(images, labels, **options):
        np.savez(tmp_path / "arrays.npz", images=images, labels=labels)
        name = f"served_{next(NUMBERS)}"
        own_module(
            name,
            "import numpy as np\nfrom eisnn import Source\n"
            f"arrays = np.load({str(tmp_path / 'arrays.npz')!r})\n"
            "def load(root, T):\n"
            f"    return Source(arrays['images'], arrays['labels'], **{options!r})\n",
        )
        return make_config({"data": {"name": f"{name}:load", "validation_fraction": 0.2}}).data

    return write


def test_float_images_are_served_as_they_are_and_stay_unchanged(serve):
    images = np.random.default_rng(0).uniform(0, 9, (40, 1, 4, 4)).astype(np.float32)
    dataset = load(serve(images, LABELS, scale=0.5, test_fraction=0.25), T=2)
    for _ in range(2):
        x, y = next(batches(dataset.train, 64))
        assert torch.equal(x, torch.from_numpy(images)[dataset.train.rows] / 2)
        assert y.tolist() == LABELS[dataset.train.rows].tolist()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((40, 7), ((), (7, 1, 1))), ((40, 3, 7), ((3,), (7, 1, 1)))],
)
def test_vectors_and_sequences_of_them_are_images_of_one_pixel(serve, shape, expected):
    data = serve(np.ones(shape, np.float32), LABELS, test_fraction=0.25)
    assert shape_of(data, T=3) == (*expected, 2)
    x, _ = next(batches(load(data, T=3).train, 5))
    assert x.shape == (5, *shape[1:], 1, 1)


@pytest.mark.parametrize(("columns", "outputs"), [((), 1), ((1,), 1), ((3,), 3)])
def test_float_targets_are_split_without_classes(serve, columns, outputs):
    images = np.ones((40, 1, 2, 2), np.uint8)
    targets = np.random.default_rng(1).normal(size=(40, *columns)).astype(np.float32)
    dataset = load(serve(images, targets, test_fraction=0.25), T=2)
    assert dataset.classes == outputs
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [22, 8, 10]
    _, y = next(batches(dataset.test, 10))
    assert torch.equal(y, torch.from_numpy(targets)[dataset.test.rows])


def test_a_mapped_file_is_not_read_whole(tmp_path, own_module):
    images = np.random.default_rng(0).uniform(size=(40, 1, 4, 4)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    own_module(
        "mapped",
        "import numpy as np\nfrom eisnn import Source\n"
        "def load(root, T):\n"
        f"    images = np.load({str(tmp_path / 'images.npy')!r}, mmap_mode='r')\n"
        "    return Source(images, np.arange(40) % 2, test_fraction=0.25)\n",
    )
    config = make_config({"data": {"name": "mapped:load", "validation_fraction": 0.2}})
    dataset = load(config.data, T=2)
    assert dataset.train.stored.data_ptr() == dataset.test.stored.data_ptr()
    x, _ = next(batches(dataset.test, 10))
    assert torch.equal(x, torch.from_numpy(images)[dataset.test.rows])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.ones((40, 1, 2, 2)), LABELS, "given float64"),
        (np.ones(40, np.uint8), LABELS, r"given uint8 \[40\]"),
        (np.ones((40, 1, 2, 2), np.uint8), LABELS[:39], r"an int64 array \[40\]"),
        (np.ones((40, 1, 2, 2), np.uint8), np.full(40, np.nan, np.float32), "finite float32"),
    ],
)
def test_other_arrays_are_refused(serve, images, labels, message):
    with pytest.raises(UserCodeError, match=message):
        load(serve(images, labels, test_fraction=0.25), T=2)

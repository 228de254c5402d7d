"""CIFAR10-DVS from small recordings: how it is split, and what is missing."""

import numpy as np
import pytest
import torch

from eisnn.data.batches import batches
from eisnn.data.readers import cifar10_dvs as reader
from eisnn.data.readers import events
from eisnn.errors import DataError
from tests.eisnn.data.given import load
from tests.eisnn.data.readers.recordings import some_events, write_aedat2


@pytest.fixture(autouse=True)
def few_recordings(monkeypatch):
    monkeypatch.setattr(reader, "RECORDINGS", 10)


@pytest.fixture
def cifar10_dvs(tmp_path):
    for label, name in enumerate(reader.CLASSES):
        for i in range(10):
            write_aedat2(
                tmp_path / "CIFAR10DVS" / name / f"cifar10_{name}_{i}.aedat",
                some_events(300, seed=100 * label + i),
            )
    return tmp_path


def test_cifar10_dvs_is_split_80_10_10(cifar10_dvs):
    dataset = load("cifar10_dvs", cifar10_dvs)
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [80, 10, 10]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[8] * 10, [1] * 10, [1] * 10]
    assert sorted(torch.cat([part.rows for part in parts]).tolist()) == list(range(100))
    x, _ = next(batches(dataset.train, 8))
    assert (x.shape, x.dtype, dataset.input_shape) == (
        (8, 4, 2, 48, 48),
        torch.float32,
        (2, 48, 48),
    )
    expected = events.frames(
        some_events(300, seed=100 * 3 + 0), 4
    )  # the cat whose file comes first
    assert np.array_equal(dataset.train.stored[30].numpy(), expected)


def test_other_T_other_frames_each_decoded_once(cifar10_dvs, monkeypatch):
    four, ten = load("cifar10_dvs", cifar10_dvs, T=4), load("cifar10_dvs", cifar10_dvs, T=10)
    assert (four.train.images.shape[1], ten.train.images.shape[1]) == (4, 10)
    assert torch.equal(four.test.rows, ten.test.rows)
    monkeypatch.setattr(reader, "read_aedat2", None)
    assert torch.equal(load("cifar10_dvs", cifar10_dvs, T=4).test.images, four.test.images)


def test_a_missing_class_and_missing_recordings_are_named(cifar10_dvs, tmp_path):
    with pytest.raises(DataError) as error:
        load("cifar10_dvs", tmp_path / "nowhere")
    for part in (f"{tmp_path}/nowhere/CIFAR10DVS: no such folder", "figshare.com", "EISNN_DATA"):
        assert part in str(error.value)
    for file in (cifar10_dvs / "CIFAR10DVS" / "frog").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"CIFAR10DVS: no \.aedat files in frog"):
        load("cifar10_dvs", cifar10_dvs)


def test_a_truncated_recording_of_a_dataset_is_named(cifar10_dvs):
    file = cifar10_dvs / "CIFAR10DVS" / "dog" / "cifar10_dog_7.aedat"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"dog/cifar10_dog_7.aedat is truncated"):
        load("cifar10_dvs", cifar10_dvs)


def test_an_interrupted_download_is_refused_with_its_count(cifar10_dvs):
    (cifar10_dvs / "CIFAR10DVS" / "frog" / "cifar10_frog_3.aedat").unlink()
    with pytest.raises(DataError, match=r"1 of 10 classes lack recordings, such as frog.* 9 of 10"):
        load("cifar10_dvs", cifar10_dvs)


def test_the_authors_split_tests_on_the_last_of_each_class(cifar10_dvs):
    dataset = load("cifar10_dvs", cifar10_dvs, split="authors")
    assert dataset.test.rows.tolist() == list(range(9, 100, 10))
    assert sorted(torch.cat([dataset.train.rows, dataset.validation.rows]).tolist()) == [
        row for row in range(100) if row % 10 != 9
    ]

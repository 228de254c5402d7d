"""MNIST and Fashion-MNIST, from files in their own format."""

from pathlib import Path

import numpy as np
import pytest
import torch

from eisnn.data.readers import idx as datasets
from eisnn.errors import DataError
from tests.eisnn.data.given import load
from tests.eisnn.data.idx_files import write_idx, write_mnist

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
IDX = datasets.FILES


@pytest.mark.parametrize(
    ("name", "torchvision_name"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
def test_idx_files_in_torchvisions_layout_are_read_as_torchvision_does(
    tmp_path, name, torchvision_name
):
    import torchvision

    write_mnist(tmp_path / torchvision_name / "raw")
    dataset = load(name, tmp_path)
    reference = getattr(torchvision.datasets, torchvision_name)(tmp_path, train=True)
    assert torch.equal(dataset.train.stored[:, 0], reference.data)
    assert torch.equal(dataset.train.labels, reference.targets[dataset.train.rows])
    reference = getattr(torchvision.datasets, torchvision_name)(tmp_path, train=False)
    assert torch.equal(dataset.test.images[:, 0], reference.data)
    assert torch.equal(dataset.test.labels, reference.targets)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (180, 20, 50)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("keep", [0, 3, 10, -7])
def test_a_truncated_idx_file_is_named(tmp_path, suffix, keep):
    write_mnist(tmp_path, suffix)
    file = tmp_path / f"{IDX[2]}{suffix}"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match=f"{file} is truncated"):
        load("mnist", tmp_path)


def test_a_file_that_is_not_idx_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / IDX[1]).write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=f"{IDX[1]} is truncated or not an idx file.*3c 68 74 6d"):
        load("mnist", tmp_path)


def test_labels_and_images_must_fit_each_other_and_the_dataset(tmp_path):
    write_mnist(tmp_path)
    write_idx(tmp_path / IDX[1], np.arange(199, dtype=np.uint8) % 10)
    with pytest.raises(DataError, match="mnist: 200 training images but 199 labels"):
        load("mnist", tmp_path)
    write_idx(tmp_path / IDX[1], np.arange(200, dtype=np.uint8) % 11)
    with pytest.raises(DataError, match="training labels must be 0 to 9, found 0 to 10"):
        load("mnist", tmp_path)


def test_fashion_mnist_files_are_not_taken_for_mnist(tmp_path):
    write_mnist(tmp_path)
    labels = np.arange(200, dtype=np.uint8) % 10
    labels[:16] = datasets.FIRST_LABELS["fashion_mnist"]
    write_idx(tmp_path / IDX[1], labels)
    with pytest.raises(DataError, match="holds the labels of fashion_mnist, not of mnist"):
        load("mnist", tmp_path)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_the_debian_package(tmp_path):
    dataset = load("fashion_mnist", tmp_path / "empty")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (54000, 6000, 10000)
    assert np.bincount(dataset.train.labels).tolist() == [5400] * 10
    assert np.bincount(dataset.validation.labels).tolist() == [600] * 10
    assert dataset.test.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert dataset.train.stored.float().mean().item() / 255 == pytest.approx(
        0.2860, abs=1e-4
    )  # the published mean
    assert dataset.input_shape == dataset.train.images.shape[1:]
    assert not (tmp_path / "empty").exists()

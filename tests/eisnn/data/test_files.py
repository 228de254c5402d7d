"""Where a dataset's files are found, what is said if they are nowhere, and downloads."""

from pathlib import Path

import numpy as np
import pytest

from eisnn.config.sections.data import DataConfig
from eisnn.data import loading
from eisnn.data.readers import idx as datasets
from eisnn.errors import DataError
from tests.eisnn.data.given import load
from tests.eisnn.data.idx_files import write_idx, write_mnist

IDX = datasets.FILES


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_in_a_flat_folder_given_by_the_environment(tmp_path, monkeypatch, suffix):
    write_mnist(tmp_path / "flat", suffix)
    monkeypatch.setenv("EISNN_DATA", str(tmp_path / "flat"))
    assert len(loading.load(DataConfig(name="mnist"), T=4).test) == 50


def test_a_missing_dataset_says_where_it_was_looked_for_and_how_to_get_it(tmp_path, monkeypatch):
    write_mnist(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / IDX[2]).unlink()
    monkeypatch.setattr(datasets, "DEBIAN_FASHION_MNIST", tmp_path / "no-package")
    with pytest.raises(DataError) as error:
        load("fashion_mnist", tmp_path)
    message = str(error.value)
    for part in (
        f"{tmp_path}/FashionMNIST/raw: no such folder",
        f"{tmp_path}/fashion-mnist: lacks t10k-images-idx3-ubyte",
        f"{tmp_path}/no-package: no such folder",
        "apt-get install dataset-fashion-mnist",
        "EISNN_DATA",
        "no network in tests",
    ):
        assert part in message
    assert not (tmp_path / "FashionMNIST").exists()


def test_a_download_is_whole_or_not_there(tmp_path, monkeypatch):
    def fetch(root, download):
        assert download
        write_mnist(Path(root) / "MNIST" / "raw")

    monkeypatch.setattr("torchvision.datasets.MNIST", fetch)
    assert len(load("mnist", tmp_path).test) == 50
    assert sorted(p.name for p in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(IDX)

    def broken(root, download):
        write_idx(Path(root) / "MNIST" / "raw" / IDX[0], np.zeros((5, 28, 28), dtype=np.uint8))
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr("torchvision.datasets.MNIST", broken)
    with pytest.raises(DataError, match=r"mnist was not found(?s:.*)File not found or corrupted"):
        load("mnist", tmp_path / "other")
    assert not (tmp_path / "other" / "MNIST").exists()


def test_idx_files_named_with_a_dot_are_found(tmp_path):
    write_mnist(tmp_path)
    for name in IDX:
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    assert len(load("mnist", tmp_path).test) == 50

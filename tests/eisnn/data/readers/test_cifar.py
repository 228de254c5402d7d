"""CIFAR from small files in the original format.

Right pixels, right labels, nothing foreign unpickled.
"""

import hashlib
import os
import pickle

import numpy as np
import pytest
import torch
import torchvision

from eisnn.errors import DataError
from tests.eisnn.data.given import load


def batch(count, classes, seed, label):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 3072), dtype=np.uint8)
    return {"data": pixels, label: [(seed + i) % classes for i in range(count)]}


@pytest.fixture(params=["cifar10", "cifar100"])
def cifar(request, tmp_path, monkeypatch):
    """Files with as many images as needed.

    torchvision's table of checksums is that of these files.
    """
    if request.param == "cifar10":
        reader, count, classes, label = torchvision.datasets.CIFAR10, 40, 10, "labels"
    else:
        reader, count, classes, label = torchvision.datasets.CIFAR100, 1200, 100, "fine_labels"
    folder = tmp_path / reader.base_folder
    folder.mkdir()

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def write_all(table, seed):
        return [
            write(name, batch(count, classes, seed + i, label)) for i, (name, _) in enumerate(table)
        ]

    monkeypatch.setattr(reader, "train_list", write_all(reader.train_list, 0))
    monkeypatch.setattr(reader, "test_list", write_all(reader.test_list, 50))
    key = reader.meta["key"]
    name, checksum = write(reader.meta["filename"], {key: [str(i) for i in range(classes)]})
    monkeypatch.setattr(reader, "meta", {"filename": name, "key": key, "md5": checksum})
    return request.param, reader, tmp_path


def test_cifar_is_read_as_torchvision_does(cifar):
    name, reader, root = cifar
    dataset = load(name, root)
    for part, train in ((dataset.train, True), (dataset.test, False)):
        expected = reader(root, train=train)
        rows = range(len(expected)) if part.rows is None else part.rows.tolist()
        assert torch.equal(part.images.permute(0, 2, 3, 1), torch.from_numpy(expected.data[rows]))
        assert part.labels.tolist() == [expected.targets[i] for i in rows]
    assert (dataset.classes, dataset.input_shape) == (10 if name == "cifar10" else 100, (3, 32, 32))
    assert len(dataset.validation) * 9 == len(dataset.train)


def test_cifar_is_found_when_the_root_is_its_own_folder(cifar):
    name, reader, root = cifar
    assert len(load(name, root / reader.base_folder).test) == (40 if name == "cifar10" else 1200)


def test_a_foreign_pickle_is_named_and_never_executed(cifar):
    name, reader, root = cifar
    marker = root / "executed"

    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(marker),))

    file = root / reader.base_folder / reader.test_list[0][0]
    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(
        DataError,
        match=(
            rf"{file} is truncated, corrupt or not the official file: its MD5 is .* It was not"
            r" opened"
        ),
    ):
        load(name, root)
    assert not marker.exists()


def test_a_truncated_batch_is_named(cifar):
    name, reader, root = cifar
    file = root / reader.base_folder / reader.train_list[-1][0]
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(DataError, match=f"{file} is truncated"):
        load(name, root)


def test_missing_cifar_says_where_and_how(tmp_path):
    with pytest.raises(DataError) as error:
        load("cifar10", tmp_path)
    for part in (
        f"{tmp_path}/cifar-10-batches-py: no such folder",
        "cs.toronto.edu",
        "EISNN_DATA",
        "no network in tests",
    ):
        assert part in str(error.value)

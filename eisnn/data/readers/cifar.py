"""CIFAR-10 and CIFAR-100: Python pickles, so only the official files are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import download, first_complete, missing
from eisnn.data.source import Source, source_from
from eisnn.errors import DataError


@dataclass(frozen=True)
class _Archive:
    """One of the two datasets, as its archive is laid out."""

    name: str
    torchvision_name: str
    folder: str
    files: tuple[str, ...]


_CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
_CIFAR10 = _Archive("cifar10", "CIFAR10", "cifar-10-batches-py", _CIFAR10_FILES)
_CIFAR100 = _Archive("cifar100", "CIFAR100", "cifar-100-python", ("train", "test", "meta"))


def cifar10(root: Path, T: int) -> Source:
    return _read(_CIFAR10, root)


def cifar100(root: Path, T: int) -> Source:
    return _read(_CIFAR100, root)


def _read(archive: _Archive, root: Path) -> Source:
    places = [root / archive.folder]
    if root.name == archive.folder:
        places.append(root)
    folder, looked = first_complete(places, archive.files)
    if folder is None:
        folder = places[0]
        page = "https://www.cs.toronto.edu/~kriz/cifar.html"
        error = missing(archive.name, looked, f"unpack the Python version of {page} into {root}")
        download(archive.name, archive.torchvision_name, folder, archive.files, root, error)

    def decode() -> Arrays:
        from torchvision import datasets as torchvision_datasets

        reader = getattr(torchvision_datasets, archive.torchvision_name)
        meta = (reader.meta["filename"], reader.meta["md5"])
        _refuse_foreign_pickles(folder, [*reader.train_list, *reader.test_list, meta])
        train, test = reader(folder.parent, train=True), reader(folder.parent, train=False)
        return {
            "images": train.data.transpose(0, 3, 1, 2),
            "labels": np.array(train.targets),
            "test_images": test.data.transpose(0, 3, 1, 2),
            "test_labels": np.array(test.targets),
        }

    files = [folder / file for file in archive.files]
    return source_from(decoded(archive.name, files, root, decode))


def _refuse_foreign_pickles(folder: Path, checksums: list[tuple[str, str]]) -> None:
    """Refuses files without the official checksums: unpickling executes what a file says."""
    from torchvision.datasets.utils import calculate_md5

    for file, expected in checksums:
        found = calculate_md5(folder / file)
        if found != expected:
            raise DataError(
                f"{folder / file} is truncated, corrupt or not the official file: its MD5 is "
                f"{found}, must be {expected}. It was not opened, since it could execute code. "
                "Delete it and get it again"
            )

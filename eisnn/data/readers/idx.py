"""MNIST and Fashion-MNIST: four idx files, perhaps compressed."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import download, first_complete, found_as, missing
from eisnn.data.source import Source, source_from
from eisnn.errors import DataError

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # of dataset-fashion-mnist
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
FIRST_LABELS = {  # of the official training sets, whose files have the same names
    "mnist": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7),
    "fashion_mnist": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9),
}


def mnist(root: Path, T: int) -> Source:
    places = [root / "MNIST" / "raw", root / "MNIST", root / "mnist", root]
    return _read("mnist", "MNIST", root, places, "")


def fashion_mnist(root: Path, T: int) -> Source:
    names = ("FashionMNIST/raw", "FashionMNIST", "fashion-mnist", "fashion_mnist", "")
    places = [root / name for name in names]
    places.append(DEBIAN_FASHION_MNIST)
    package = "`apt-get install dataset-fashion-mnist`, or "
    return _read("fashion_mnist", "FashionMNIST", root, places, package)


def _read(name: str, torchvision_name: str, root: Path, places: list[Path], package: str) -> Source:
    folder, looked = first_complete(places, FILES)
    if folder is None:
        folder = root / torchvision_name / "raw"
        advice = f"{package}put {', '.join(FILES)} (or .gz of them) into {folder}"
        error = missing(name, looked, advice)
        download(name, torchvision_name, folder, FILES, root, error)
    files = [found_as(folder, file) for file in FILES]

    def decode() -> Arrays:
        images, labels, test_images, test_labels = (read_idx(file) for file in files)
        for other, first in FIRST_LABELS.items():
            if other != name and tuple(labels[:16]) == first:
                raise DataError(
                    f"{files[1]} holds the labels of {other}, not of {name}: "
                    "keep the two datasets in separate folders"
                )
        return {
            "images": images[:, None],
            "labels": labels,
            "test_images": test_images[:, None],
            "test_labels": test_labels,
        }

    home = root if folder.is_relative_to(root) else None
    return source_from(decoded(name, files, home, decode))


def read_idx(file: Path) -> np.ndarray:
    """Returns the array in an idx file of unsigned bytes, perhaps compressed.

    The format is two zero bytes, the type (8), the number of axes, the length of each axis as
    big-endian uint32, and the data.
    """
    raw = file.read_bytes()
    try:
        if file.suffix == ".gz":
            raw = gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{file} is truncated or corrupt ({error}): delete it and get it again"
        ) from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataError(
            f"{file} is truncated or not an idx file of unsigned bytes: "
            f"it starts with {raw[:4].hex(' ') or 'nothing'}"
        )
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], dtype=">u4"))
    expected, found = int(np.prod(shape, dtype=np.int64)), len(raw) - start
    if found != expected:
        raise DataError(
            f"{file} is truncated or corrupt: its header promises {shape} = {expected} bytes, "
            f"it holds {found}"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)

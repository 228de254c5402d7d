"""Readers of static image datasets, in the formats that their makers published.

Each returns a `Source`: every image as ``uint8 [N, C, H, W]``, decoded at most once per machine (see data_cache.py). Files are
looked for in the data root, then where a Debian package puts them; what is in neither is downloaded by torchvision into the root.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import download, first_complete, missing, plain_or_gz
from eisnn.data.source import Source, source_from
from eisnn.errors import DataError

# --- digits


def digits() -> Source:
    """1,797 handwritten digits of 8x8 pixels with values 0 to 16, shipped with scikit-learn; there is no official test set."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    return Source(images, bunch.target.astype(np.int64), scale=1 / 16, test_fraction=0.2)


# --- MNIST and Fashion-MNIST: four idx files, perhaps compressed

DEBIAN_FASHION_MNIST = Path(
    "/usr/share/datasets/fashion-mnist"
)  # of the package dataset-fashion-mnist
_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_FIRST_LABELS = {  # of the official training sets, whose files have the same names
    "mnist": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7),
    "fashion_mnist": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9),
}


def mnist(root: Path) -> Source:
    places = [root / "MNIST" / "raw", root / "MNIST", root / "mnist", root]
    return _idx_dataset("mnist", "MNIST", root, places, "")


def fashion_mnist(root: Path) -> Source:
    places = [
        root / "FashionMNIST" / "raw",
        root / "FashionMNIST",
        root / "fashion-mnist",
        root / "fashion_mnist",
        root,
    ]
    places.append(DEBIAN_FASHION_MNIST)
    return _idx_dataset(
        "fashion_mnist",
        "FashionMNIST",
        root,
        places,
        "`apt-get install dataset-fashion-mnist`, or ",
    )


def _idx_dataset(
    name: str, torchvision_name: str, root: Path, places: list[Path], package: str
) -> Source:
    folder, looked = first_complete(places, _IDX_FILES)
    if folder is None:
        folder = root / torchvision_name / "raw"
        error = missing(
            name, looked, f"{package}put {', '.join(_IDX_FILES)} (or .gz of them) into {folder}"
        )
        download(name, torchvision_name, folder, _IDX_FILES, root, error)
    files = [plain_or_gz(folder, file) for file in _IDX_FILES]

    def decode() -> Arrays:
        images, labels, test_images, test_labels = (read_idx(file) for file in files)
        for other, first in _FIRST_LABELS.items():
            if other != name and tuple(labels[:16]) == first:
                raise DataError(
                    f"{files[1]} holds the labels of {other}, not of {name}: give them folders of their own"
                )
        return {
            "images": images[:, None],
            "labels": labels,
            "test_images": test_images[:, None],
            "test_labels": test_labels,
        }

    return source_from(decoded(name, files, root if folder.is_relative_to(root) else None, decode))


def read_idx(file: Path) -> np.ndarray:
    """The array in an idx file of unsigned bytes.

    The format: two zero bytes, the type (8), the number of axes, each axis' length as big-endian uint32, the data.
    """
    try:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{file} is truncated or corrupt ({error}): delete it and get it again"
        ) from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataError(
            f"{file} is truncated or not an idx file of unsigned bytes: it starts with {raw[:4].hex(' ') or 'nothing'}"
        )
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], dtype=">u4"))
    expected, found = int(np.prod(shape, dtype=np.int64)), len(raw) - start
    if found != expected:
        raise DataError(
            f"{file} is truncated or corrupt: its header promises {shape} = {expected} bytes, it holds {found}"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


# --- CIFAR: Python pickles, so nothing but the official files is opened

_CIFAR = {  # folder, files
    "CIFAR10": (
        "cifar-10-batches-py",
        (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"),
    ),
    "CIFAR100": ("cifar-100-python", ("train", "test", "meta")),
}


def cifar10(root: Path) -> Source:
    return _cifar("cifar10", "CIFAR10", root)


def cifar100(root: Path) -> Source:
    return _cifar("cifar100", "CIFAR100", root)


def _cifar(name: str, torchvision_name: str, root: Path) -> Source:
    folder_name, files = _CIFAR[torchvision_name]
    places = [root / folder_name, root] if root.name == folder_name else [root / folder_name]
    folder, looked = first_complete(places, files)
    if folder is None:
        folder = root / folder_name
        advice = (
            f"unpack the Python version of https://www.cs.toronto.edu/~kriz/cifar.html into {root}"
        )
        download(name, torchvision_name, folder, files, root, missing(name, looked, advice))

    def decode() -> Arrays:
        from torchvision import datasets as torchvision_datasets

        reader = getattr(torchvision_datasets, torchvision_name)
        _refuse_foreign_pickles(
            folder,
            [*reader.train_list, *reader.test_list, (reader.meta["filename"], reader.meta["md5"])],
        )
        train, test = reader(folder.parent, train=True), reader(folder.parent, train=False)
        return {
            "images": train.data.transpose(0, 3, 1, 2),
            "labels": np.array(train.targets),
            "test_images": test.data.transpose(0, 3, 1, 2),
            "test_labels": np.array(test.targets),
        }

    return source_from(decoded(name, [folder / file for file in files], root, decode))


def _refuse_foreign_pickles(folder: Path, checksums: list[tuple[str, str]]) -> None:
    """Unpickling executes what a file says: only files with the official checksums (torchvision's) are read."""
    from torchvision.datasets.utils import calculate_md5

    for file, expected in checksums:
        found = calculate_md5(folder / file)
        if found != expected:
            raise DataError(
                f"{folder / file} is truncated, corrupt or not the official file: its MD5 is {found}, must be {expected}. "
                "It was not opened, since it could execute code. Delete it and get it again"
            )


# --- TinyImageNet-200: JPEG files in folders


def tiny_imagenet(root: Path) -> Source:
    """200 classes of 64x64 images, reduced to 32x32 (bilinear, as torchvision's Resize).

    Its "val" is the test set here, as everywhere: the labels of its "test" were never published.
    """
    files = ("wnids.txt", "val/val_annotations.txt")
    folder, looked = first_complete([root / "tiny-imagenet-200", root], files)
    if folder is None:
        raise missing(
            "tiny_imagenet",
            looked,
            f"unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip into {root}",
        )
    classes = sorted((folder / "wnids.txt").read_text().split())
    train_folders = [folder / "train" / wnid / "images" for wnid in classes]
    test_folder = folder / "val" / "images"
    absent = [
        place for place in (*train_folders, test_folder) if next(place.glob("*.JPEG"), None) is None
    ]
    if absent:
        raise DataError(
            f"tiny_imagenet in {folder} is not complete: {len(absent)} folders have no .JPEG files, such as {absent[0]}"
        )

    def decode() -> Arrays:
        train = [
            (file, label)
            for label, place in enumerate(train_folders)
            for file in sorted(place.glob("*.JPEG"))
        ]
        test = _annotated(folder / "val" / "val_annotations.txt", test_folder, classes)
        return {
            "images": np.stack([_small_image(file) for file, _ in train]),
            "labels": np.array([label for _, label in train]),
            "test_images": np.stack([_small_image(file) for file, _ in test]),
            "test_labels": np.array([label for _, label in test]),
        }

    # 110,000 files: their folders' times of change stand for them
    return source_from(
        decoded("tiny_imagenet", [*train_folders, test_folder, folder / files[1]], root, decode)
    )


def _annotated(annotations: Path, folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    """Image files and labels by a table of file name, class and box, separated by tabs."""
    label = {wnid: number for number, wnid in enumerate(classes)}
    rows = [line.split("\t") for line in annotations.read_text().splitlines() if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) < 2 or row[1] not in label:
            raise DataError(
                f"{annotations}, line {number}: expected a file name, a tab and one of the classes in wnids.txt, found {row}"
            )
    return [(folder / row[0], label[row[1]]) for row in rows]


def _small_image(file: Path) -> np.ndarray:
    """uint8 [3, 32, 32]"""
    from PIL import Image

    try:
        with Image.open(file) as image:
            return np.asarray(
                image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
            ).transpose(2, 0, 1)
    except (OSError, SyntaxError) as error:  # PIL says SyntaxError of some broken headers
        raise DataError(
            f"{file} is missing, truncated or corrupt ({error}): get it again"
        ) from None

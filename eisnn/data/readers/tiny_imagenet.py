"""TinyImageNet-200: JPEG files in folders.

Its "val" is the test set here, as everywhere, since the labels of its "test" were never published.
"val" is read as published (images in one folder, and a table of their classes), or as many scripts
sort it: into a folder for each class, with or without a folder "images" inside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import first_complete, missing, refuse_incomplete
from eisnn.data.source import Source, source_from
from eisnn.errors import DataError

TRAIN_IMAGES, TEST_IMAGES = 500, 50  # of each class

Labelled = list[tuple[Path, int]]


def tiny_imagenet(root: Path, T: int) -> Source:
    """Reads 200 classes of 64x64 images, reduced to 32x32 (bilinear, like torchvision's Resize)."""
    folder, looked = first_complete([root / "tiny-imagenet-200", root], ["wnids.txt"])
    if folder is None:
        archive = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
        raise missing("tiny_imagenet", looked, f"unpack {archive} into {root}")
    classes = sorted((folder / "wnids.txt").read_text().split())
    train_folders = [folder / "train" / wnid / "images" for wnid in classes]
    test_folders = _sorted_folders(folder / "val", classes) or [folder / "val" / "images"]
    _refuse_empty(folder, [*train_folders, *test_folders])
    train = [
        (file, label)
        for label, place in enumerate(train_folders)
        for file in sorted(place.glob("*.JPEG"))
    ]
    test = _test_images(folder / "val", test_folders, classes)
    refuse_incomplete("tiny_imagenet training", folder, _counts(train, classes), TRAIN_IMAGES)
    refuse_incomplete("tiny_imagenet val", folder, _counts(test, classes), TEST_IMAGES)

    def decode() -> Arrays:
        return {
            "images": np.stack([_small_image(file) for file, _ in train]),
            "labels": np.array([label for _, label in train]),
            "test_images": np.stack([_small_image(file) for file, _ in test]),
            "test_labels": np.array([label for _, label in test]),
        }

    table = folder / "val" / "val_annotations.txt"
    origin = [*train_folders, *test_folders, *([table] if table.is_file() else [])]
    return source_from(decoded("tiny_imagenet", origin, root, decode))


def _sorted_folders(val: Path, classes: list[str]) -> list[Path]:
    """Returns the folders of a "val" that was sorted by class; none if it is as published."""
    if (val / "images").is_dir():
        return []
    folders = []
    for wnid in classes:
        inner = val / wnid / "images"
        folders.append(inner if inner.is_dir() else val / wnid)
    return folders


def _refuse_empty(folder: Path, places: list[Path]) -> None:
    absent = [place for place in places if next(place.glob("*.JPEG"), None) is None]
    if absent:
        raise DataError(
            f"tiny_imagenet in {folder} is not complete: {len(absent)} folders have no .JPEG "
            f"files, such as {absent[0]}"
        )


def _test_images(val: Path, folders: list[Path], classes: list[str]) -> Labelled:
    if len(folders) == 1:
        return _annotated(val / "val_annotations.txt", folders[0], classes)
    return [
        (file, label)
        for label, place in enumerate(folders)
        for file in sorted(place.glob("*.JPEG"))
    ]


def _counts(images: Labelled, classes: list[str]) -> dict[str, int]:
    found = np.bincount([label for _, label in images], minlength=len(classes)).tolist()
    return dict(zip(classes, found, strict=True))


def _annotated(annotations: Path, folder: Path, classes: list[str]) -> Labelled:
    """Returns image files and labels from a table with file name, class and box."""
    if not annotations.is_file():
        raise DataError(f"tiny_imagenet in {folder.parent.parent}: {annotations} is missing")
    label = {wnid: number for number, wnid in enumerate(classes)}
    rows = [line.split("\t") for line in annotations.read_text().splitlines() if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) < 2 or row[1] not in label:
            raise DataError(
                f"{annotations}, line {number}: expected a file name, a tab and one of the "
                f"classes in wnids.txt, found {row}"
            )
    return [(folder / row[0], label[row[1]]) for row in rows]


def _small_image(file: Path) -> np.ndarray:
    """Reads an image as uint8 [3, 32, 32]."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            small = image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
            return np.asarray(small).transpose(2, 0, 1)
    except (OSError, SyntaxError) as error:  # PIL raises SyntaxError for some broken headers
        raise DataError(
            f"{file} is missing, truncated or corrupt ({error}): get it again"
        ) from None

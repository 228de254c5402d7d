"""CIFAR10-DVS: 10,000 recordings of moving CIFAR-10 images, 1,000 of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import missing, refuse_incomplete
from eisnn.data.readers.aedat import read_aedat2
from eisnn.data.readers.events import frames, step
from eisnn.data.source import Source, source_from

RECORDINGS = 1000  # of each class
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PAGE = "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671"


def cifar10_dvs(root: Path, T: int) -> Source:
    """Reads T frames of each recording; there is no official test set."""
    places = [root / "CIFAR10DVS" / "extract", root / "CIFAR10DVS", root / "cifar10-dvs", root]
    folder, looked = _folder_of_classes(places)
    if folder is None:
        advice = (
            f"download the ten archives of {_PAGE} and unpack them, so that there are "
            f"{places[1]}/airplane/cifar10_airplane_0.aedat and so on "
            "(spikingjelly's CIFAR10DVS class does this, too)"
        )
        raise missing("cifar10_dvs", looked, advice)
    class_folders = [folder / name for name in CLASSES]
    files = [
        (file, label)
        for label, place in enumerate(class_folders)
        for file in sorted(place.glob("*.aedat"))
    ]
    found = np.bincount([label for _, label in files], minlength=len(CLASSES)).tolist()
    refuse_incomplete(
        "cifar10_dvs", folder, dict(zip(CLASSES, found, strict=True)), RECORDINGS, "recordings"
    )

    def decode() -> Arrays:
        images = np.stack([frames(read_aedat2(file), T) for file, _ in files])
        return {"images": images, "labels": np.array([label for _, label in files])}

    arrays = decoded(f"cifar10_dvs-T{T}", class_folders, root, decode)
    return source_from(arrays, scale=step(T), test_fraction=0.1)


def _folder_of_classes(places: list[Path]) -> tuple[Path | None, list[str]]:
    looked: list[str] = []
    for place in places:
        absent = [name for name in CLASSES if next((place / name).glob("*.aedat"), None) is None]
        if not absent:
            return place, looked
        problem = f"no .aedat files in {absent[0]}" if place.is_dir() else "no such folder"
        looked.append(f"{place}: {problem}")
    return None, looked

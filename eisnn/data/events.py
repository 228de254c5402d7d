"""Event cameras: CIFAR10-DVS and DVS-Gesture, from the files their makers published to T frames of 48x48 pixels and 2 polarities.

A recording's events are cut into T frames of equally many events (the last takes the rest), counted at 128x128 pixels and reduced to
48x48 by bilinear, antialiased interpolation, as the authors of the E-I networks do. A pixel's value is the number of events per
original pixel in that frame, in steps of 160 / (255 T); above 160 / T, some 25 times the mean of CIFAR10-DVS, it is cut off. It is
not limited to [0, 1]: circuits need x >= 0 only, and E-I Init makes them indifferent to its scale.

Both formats are read here, in a few lines. Of the libraries made for them, tonic 1.7 cannot read AEDAT files (its readers unpack two
of three values) and has DVS-Gesture cut otherwise than in the literature; spikingjelly 2.0 reads AEDAT 3.1 event by event in Python,
takes a file that ends between two events for a shorter one, and stores three copies. Tests compare these readers and frames
with spikingjelly's.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import first_complete, missing
from eisnn.data.source import Source, source_from
from eisnn.errors import DataError

SENSOR, SIZE = 128, 48  # pixels, before and after
_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


class Events(NamedTuple):
    """One recording, in the order of its events; each array is ``[N]``."""

    t: np.ndarray  # microseconds
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray  # polarity, 0 or 1

    def between(self, start: int, end: int) -> Events:
        kept = (self.t >= start) & (self.t < end)
        return Events(*(part[kept] for part in self))


def step(T: int) -> float:
    """Events per pixel and frame that one unit of a stored frame stands for."""
    return 160 / T / 255


def frames(events: Events, T: int) -> np.ndarray:
    """uint8 ``[T, 2, 48, 48]``, in units of `step`."""
    count = len(events.t)
    frame = np.minimum(np.arange(count) // max(1, count // T), T - 1)
    place = ((frame * 2 + events.p) * SENSOR + events.y) * SENSOR + events.x
    counts = np.bincount(place, minlength=T * 2 * SENSOR * SENSOR).reshape(T, 2, SENSOR, SENSOR)
    image = torch.from_numpy(counts).to(torch.float32)
    small = torch.nn.functional.interpolate(image, (SIZE, SIZE), mode="bilinear", antialias=True)
    return (small / step(T)).round().clamp(0, 255).to(torch.uint8).numpy()


def cifar10_dvs(root: Path, T: int) -> Source:
    """10,000 recordings of moving CIFAR-10 images; there is no official test set."""
    places = [root / "CIFAR10DVS" / "extract", root / "CIFAR10DVS", root / "cifar10-dvs", root]
    folder, looked = _folder_of_classes(places)
    if folder is None:
        advice = (
            "download the ten archives of https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671 and unpack them, so that "
            f"there are {places[1]}/airplane/cifar10_airplane_0.aedat and so on (spikingjelly's CIFAR10DVS class does so, too)"
        )
        raise missing("cifar10_dvs", looked, advice)
    class_folders = [folder / name for name in _CLASSES]

    def decode() -> Arrays:
        files = [
            (file, label)
            for label, place in enumerate(class_folders)
            for file in sorted(place.glob("*.aedat"))
        ]
        images = np.stack([frames(read_aedat2(file), T) for file, _ in files])
        return {"images": images, "labels": np.array([label for _, label in files])}

    return source_from(
        decoded(f"cifar10_dvs-T{T}", class_folders, root, decode), scale=step(T), test_fraction=0.1
    )


def _folder_of_classes(places: list[Path]) -> tuple[Path | None, list[str]]:
    looked: list[str] = []
    for place in places:
        absent = [name for name in _CLASSES if next((place / name).glob("*.aedat"), None) is None]
        if not absent:
            return place, looked
        looked.append(
            f"{place}: {f'no .aedat files in {absent[0]}' if place.is_dir() else 'no such folder'}"
        )
    return None, looked


def dvs_gesture(root: Path, T: int) -> Source:
    """11 gestures of 29 people: 1,176 recordings of 23 of them to train on and 288 of the others as test set."""
    lists = ("trials_to_train.txt", "trials_to_test.txt")
    places = [
        root / "DVS128Gesture" / "extract" / "DvsGesture",
        root / "DVS128Gesture" / "DvsGesture",
        root / "DvsGesture",
        root,
    ]
    folder, looked = first_complete(places, lists)
    if folder is None:
        advice = (
            "download DvsGesture.tar.gz of https://research.ibm.com/interactive/dvsgesture "
            f"(https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8; a form, so by hand) and unpack it into {root}"
        )
        raise missing("dvs_gesture", looked, advice)
    train, test = (_listed(folder / name) for name in lists)

    def decode() -> Arrays:
        images, labels, users = _gestures(train, T)
        test_images, test_labels, _ = _gestures(test, T)
        return {
            "images": images,
            "labels": labels,
            "users": users,
            "test_images": test_images,
            "test_labels": test_labels,
        }

    files = [file for pair in (*train, *test) for file in pair]
    return source_from(decoded(f"dvs_gesture-T{T}", files, root, decode), scale=step(T))


def _listed(table: Path) -> list[tuple[Path, Path]]:
    """The recordings in a list of file names, each with its table of labels."""
    pairs = []
    for name in table.read_text().split():
        recording = table.parent / name
        labels = recording.with_name(f"{recording.stem}_labels.csv")
        for file in (recording, labels):
            if not file.is_file():
                raise DataError(
                    f"dvs_gesture in {table.parent} is not complete: {file.name} is missing"
                )
        pairs.append((recording, labels))
    return pairs


def _gestures(
    recordings: list[tuple[Path, Path]], T: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and users: each recording is of one person doing each gesture in turn."""
    images, labels, users = [], [], []
    for recording, table in recordings:
        events = read_aedat3(recording)
        with table.open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        try:
            user = int(recording.name.removeprefix("user").split("_")[0])
            spans = [(int(label) - 1, int(start), int(end)) for label, start, end in rows]
        except ValueError as error:
            raise DataError(
                f"{table} is truncated or corrupt: expected rows of class, startTime_usec, endTime_usec ({error})"
            ) from None
        for label, start, end in spans:
            gesture = events.between(start, end)
            if len(gesture.t) == 0:
                raise DataError(
                    f"{recording} has no events from {start} to {end}, where {table.name} says there is a gesture"
                )
            images.append(frames(gesture, T))
            labels.append(label)
            users.append(user)
    return np.stack(images), np.array(labels), np.array(users)


def read_aedat2(file: Path) -> Events:
    """AEDAT 2.0 of a DVS128: lines that start with #, then big-endian pairs of uint32, address and time.

    Bit 0 of the address is the inverse of the polarity, bits 1 to 7 are x and bits 8 to 14 y, of a camera that lay on its side:
    what is stored as x is counted upwards from the bottom, what is stored as y leftwards from the right.
    """
    raw = file.read_bytes()
    start = 0
    while raw[start : start + 1] == b"#":
        start = raw.find(b"\n", start) + 1 or len(raw)
    if len(raw) == start or (len(raw) - start) % 8:
        raise DataError(
            f"{file} is truncated or corrupt: {len(raw) - start} bytes of events, must be a multiple of 8 above 0"
        )
    address, t = np.frombuffer(raw, dtype=">u4", offset=start).reshape(-1, 2).T.astype(np.int64)
    return Events(
        t, x=127 - (address >> 8 & 127), y=127 - (address >> 1 & 127), p=1 - (address & 1)
    )


def read_aedat3(file: Path) -> Events:
    """AEDAT 3.1 of a DVS128: lines that start with #, then packets: a header of 28 bytes and so many events of a fixed size.

    Of a packet of polarity events (type 1) each is two little-endian uint32, data and time: bit 1 of the data is the polarity, bits 2
    to 16 are y and bits 17 to 31 x. The header counts how often the 31 bits of the time overflowed.
    """
    raw = file.read_bytes()
    at = 0
    while raw[at : at + 1] == b"#":
        line, at = raw[at : (end := raw.find(b"\n", at) + 1 or len(raw))], end
        if line.startswith(b"#!END-HEADER"):
            break
    parts: list[np.ndarray] = []
    while at < len(raw):
        kind, size, overflow, capacity = _packet(raw, at)
        at += 28
        if capacity < 0 or at + capacity * size > len(raw) or (kind == 1 and size != 8):
            raise DataError(
                f"{file} is truncated or corrupt: {len(raw) - at} of {capacity * size} bytes of its packet at byte {at}"
            )
        if kind == 1:
            data, t = (
                np.frombuffer(raw, dtype="<u4", offset=at, count=2 * capacity)
                .reshape(-1, 2)
                .T.astype(np.int64)
            )
            parts.append(
                np.stack(
                    [t | overflow << 31, data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, data >> 1 & 1]
                )
            )
        at += capacity * size
    if not parts:
        raise DataError(f"{file} is truncated or corrupt: it holds no events")
    events = Events(*np.concatenate(parts, axis=1))
    if max(events.x.max(initial=0), events.y.max(initial=0)) >= SENSOR:
        raise DataError(f"{file} is corrupt: it has events outside of {SENSOR}x{SENSOR} pixels")
    return events


def _packet(raw: bytes, at: int) -> tuple[int, int, int, int]:
    """Type, bytes per event, overflows of the clock and number of events, from a packet's header; capacity -1: it is cut off."""
    if at + 28 > len(raw):
        return 0, 0, 0, -1
    kind = int.from_bytes(raw[at : at + 2], "little")
    _, size, _, overflow, capacity = np.frombuffer(raw, dtype="<i4", offset=at, count=5).tolist()
    return kind, size, overflow, capacity

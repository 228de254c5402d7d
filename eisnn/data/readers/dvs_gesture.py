"""DVS-Gesture: 11 gestures of 29 people, in recordings of one person doing each gesture in turn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from eisnn.data.cache import Arrays, decoded
from eisnn.data.files import first_complete, missing
from eisnn.data.readers.aedat import read_aedat3
from eisnn.data.readers.events import frames, step
from eisnn.data.source import Source, source_from
from eisnn.errors import DataError


def dvs_gesture(root: Path, T: int) -> Source:
    """Reads 1,176 gestures of 23 people to train on, and 288 of six others as the test set."""
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
            "(https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8; a form, so by hand) "
            f"and unpack it into {root}"
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
    """Returns the recordings in a list of file names, each with its table of labels."""
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
    """Returns images, labels and users of recordings, each of one person doing every gesture."""
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
                f"{table} is truncated or corrupt: expected rows of class, startTime_usec, "
                f"endTime_usec ({error})"
            ) from None
        for label, start, end in spans:
            gesture = events.between(start, end)
            if len(gesture.t) == 0:
                raise DataError(
                    f"{recording} has no events from {start} to {end}, where {table.name} says "
                    "there is a gesture"
                )
            images.append(frames(gesture, T))
            labels.append(label)
            users.append(user)
    return np.stack(images), np.array(labels), np.array(users)

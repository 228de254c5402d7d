"""Finds a dataset's files, says where they were looked for, and downloads them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from filelock import FileLock

from eisnn.errors import DataError


def data_root(given: str | None) -> Path:
    """Returns ``data.root``, else ``$EISNN_DATA``, else ``./data``, as an absolute path."""
    return Path(given or os.environ.get("EISNN_DATA") or "data").expanduser().absolute()


def found_as(folder: Path, file: str) -> Path:
    """Returns the file in ``folder``, as it is or compressed, also if it is named with a dot, as
    train-images.idx3-ubyte."""
    dotted = file.replace("-idx", ".idx")
    for name in (file, f"{file}.gz", dotted, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return folder / f"{file}.gz"


def first_complete(places: Sequence[Path], files: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Returns the first place that has every file (perhaps compressed), or None, and a line on each
    place before it."""
    looked: list[str] = []
    for place in places:
        missing = [file for file in files if not found_as(place, file).is_file()]
        if not missing:
            return place, looked
        if not place.is_dir():
            looked.append(f"{place}: no such folder")
        elif len(missing) == len(files):
            looked.append(f"{place}: none of its files")
        else:
            looked.append(f"{place}: lacks {', '.join(missing)}")
    return None, looked


def missing(name: str, looked: Sequence[str], advice: str) -> DataError:
    """Returns the error for a dataset that was not found: where it was looked for, and how to get
    it."""
    lines = [
        f"{name} was not found. Looked in",
        *(f"    {line}" for line in looked),
        f"To get it: {advice}.",
        "data.root or $EISNN_DATA say where the data root is; without them it is ./data.",
    ]
    return DataError("\n".join(lines))


def refuse_incomplete(
    name: str, folder: Path, counts: Mapping[str, int], expected: int, what: str = "images"
) -> None:
    """Refuses a dataset whose classes lack files, as an interrupted download leaves it.

    Raises:
        DataError: some classes lack files. Names the first, and how many of ``expected`` it has.
    """
    short = {label: count for label, count in counts.items() if count < expected}
    if not short:
        return
    label, count = next(iter(short.items()))
    raise DataError(
        f"{name} in {folder} is not complete: {len(short)} of {len(counts)} classes lack {what}, "
        f"such as {label}, which has {count} of {expected}. Finish the download; to train on fewer "
        "images, use data.train_size"
    )


def download(
    name: str,
    torchvision_name: str,
    folder: Path,
    files: Sequence[str],
    root: Path,
    error: DataError,
) -> None:
    """Lets torchvision download ``files`` into ``folder`` and check them.

    They are written aside first, so that half a file is never found. EISNN_DOWNLOAD=off forbids it.

    Raises:
        DataError: ``error``, with what went wrong.
    """
    if os.environ.get("EISNN_DOWNLOAD") == "off":
        raise error
    from torchvision import datasets as torchvision_datasets

    fetch: Callable[..., object] = getattr(torchvision_datasets, torchvision_name)
    try:
        (root / ".eisnn").mkdir(parents=True, exist_ok=True)
        with (
            FileLock(root / ".eisnn" / f"{name}.download.lock"),
            tempfile.TemporaryDirectory(dir=root / ".eisnn") as aside,
        ):
            if first_complete([folder], files)[0]:  # another process got it meanwhile
                return
            fetch(aside, download=True)
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                os.replace(Path(aside) / folder.relative_to(root) / file, folder / file)
    except (OSError, RuntimeError) as problem:  # no network, no room, a wrong checksum
        raise DataError(
            f"{error}\nDownloading it into {root} failed: {' '.join(str(problem).split())}"
        ) from None

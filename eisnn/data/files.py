"""Where a dataset's files are looked for, what is said if they are nowhere, and how they are downloaded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from eisnn.errors import DataError


def data_root(given: str | None) -> Path:
    """``data.root``, else ``$EISNN_DATA``, else ``./data``; absolute."""
    return Path(given or os.environ.get("EISNN_DATA") or "data").expanduser().absolute()


def plain_or_gz(folder: Path, file: str) -> Path:
    return folder / file if (folder / file).is_file() else folder / f"{file}.gz"


def first_complete(places: Sequence[Path], files: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The first place with every file (or every file compressed), and a line on each place before it."""
    looked: list[str] = []
    for place in places:
        missing = [file for file in files if not plain_or_gz(place, file).is_file()]
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
    """The error of a dataset that is nowhere: every place it was looked for in, and how to get it."""
    lines = [
        f"{name} was not found. Looked in",
        *(f"    {line}" for line in looked),
        f"To get it: {advice}.",
    ]
    return DataError(
        "\n".join(
            [
                *lines,
                "data.root or $EISNN_DATA say where the data root is; without them it is ./data.",
            ]
        )
    )


def download(
    name: str,
    torchvision_name: str,
    folder: Path,
    files: Sequence[str],
    root: Path,
    error: DataError,
) -> None:
    """torchvision's download, with its checksums, of ``files`` into ``folder``: aside first, so that no half file is ever found.

    Raises:
        DataError: ``error`` and what went wrong.
    """
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
    except (
        OSError,
        RuntimeError,
    ) as problem:  # no network, no room, a checksum that does not match
        raise DataError(
            f"{error}\nDownloading it into {root} failed: {' '.join(str(problem).split())}"
        ) from None

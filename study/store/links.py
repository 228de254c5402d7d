"""Links in a study's folder, which may come from a stranger: linked files are never followed.

People with scratch disks often link folders. These are followed, with a note, if this user ran the
study before or if it has not begun.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from study.store.files import StoreError, read_json, rename


def user_name() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or str(os.getuid())


def settle(folder: Path) -> list[str]:
    """Sets linked files aside, and returns notes to print. Call it before the folder is used.

    Raises:
        StoreError: a link to a folder, in a study that somebody else ran.
    """
    said = []
    owner = read_json(folder / "owner.json")
    by, on = (owner or {}).get("user"), (owner or {}).get("host")
    is_mine = owner is None or by == user_name()  # on any machine, since clusters have many
    for path in _links(folder):
        target = path.readlink()
        if not path.is_dir():
            aside = rename(path, "link")
            said.append(f"{path}: is a link to {target}, which is not followed; it is now {aside}")
        elif is_mine:
            said.append(f"{path}: is a link, so its files are in {target}")
        else:
            raise StoreError(
                f"{path}: is a link to {target}, in a study that was run by {by} on {on}; "
                "replace it by a folder, so that nothing outside is touched"
            )
    return said


def _links(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "trials"):
        if not place.is_dir():
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield Path(entry.path)

"""What a study's trials ran on, and whether a machine holds the code of the command."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import eisnn
from eisnn.surroundings import FILE, code_key
from study import store


def recorded(folder: Path, key: str | None) -> Mapping[str, Any] | None:
    """Returns the surroundings that a study recorded under a key."""
    record = store.read_json(folder / FILE) or {}
    if record.get("key") == key:
        return record
    found: Mapping[str, Any] | None = record.get("earlier", {}).get(key)
    return found


def check_code(key: str | None) -> None:
    """Raises OSError if this machine's code differs from that of the machine of the command.

    ``key`` identifies the command's code; None asks for no check.
    """
    if key is not None and key != (here := code_key()):
        where = f"{socket.gethostname()}:{Path(eisnn.__file__).parent.parent}"
        raise OSError(
            f"{where} has other code ({here}) than the machine of the command ({key}); "
            "update it, or share the folder"
        )

"""Everything needed to continue a run, in one file that is replaced atomically.

A checkpoint is an ordinary ``torch.save`` file (a zip archive whose members carry CRC-32 checksums,
which are verified on loading) holding a dict: format, config, epoch, model, optimizer, history,
best. It is only ever loaded with ``weights_only=True``: a file from elsewhere cannot execute code.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from eisnn.errors import CheckpointError
from eisnn.files import write_whole

FORMAT = "eisnn-checkpoint-1"


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Writes ``state`` (tensors and plain values) to ``path``, atomically."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_whole(Path(path), buffer.getvalue())


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Returns the dict that `save_checkpoint` wrote, with its tensors on the CPU.

    Raises:
        CheckpointError: the file is missing, truncated, fails its checksums, holds code, or is not
            a checkpoint of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such checkpoint")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(
                f"{path}: is damaged ({damaged} fails its checksum); remove it to train from "
                "the start"
            )
        state = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # torch and zipfile raise many kinds; each means the same here
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint ({reason}); remove it to train from the start"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path}: is not a checkpoint of this program (no format {FORMAT!r})")
    return state

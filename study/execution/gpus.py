"""Prepares this machine's GPUs before Ray starts: finds MIG parts, and starts MPS.

CUDA treats a MIG part as a GPU of its own, but only if it is named by its UUID. NVIDIA's MPS lets
kernels of several processes run at the same time; without it they take turns.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

SECONDS = 20.0  # a driver that hangs must not keep the study waiting
CONTROL = "nvidia-cuda-mps-control"
MIG_UUID = re.compile(r"UUID: (MIG-[0-9A-Za-z/-]+)")


def visible_parts() -> dict[str, str]:
    """Returns CUDA_VISIBLE_DEVICES with all MIG parts, if there are some and none is chosen."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return {}
    parts = MIG_UUID.findall(_output("nvidia-smi", "-L"))
    if not parts:
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(parts)}


class Mps:
    """MPS for one session, in its temporary folder; it ends with the session.

    The variables are set before Ray starts, so that workers have them. While no daemon listens in
    that folder, CUDA works without MPS. The user's own daemon is left alone.
    """

    def __init__(self, folder: Path, note: Callable[[str], None], possible: bool = True) -> None:
        self.folder = folder / "mps"
        self.note = note
        self.running = False
        mine = "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
        self.possible = possible and mine and shutil.which(CONTROL) is not None

    def variables(self) -> dict[str, str]:
        if not self.possible:
            return {}
        return {
            "CUDA_MPS_PIPE_DIRECTORY": str(self.folder),
            "CUDA_MPS_LOG_DIRECTORY": str(self.folder),
        }

    def start(self) -> None:
        """Starts the daemon, or notes that it did not start; a study can run without it."""
        if not self.possible or self.running:
            return
        self.folder.mkdir(mode=0o700, exist_ok=True)
        try:
            subprocess.run([CONTROL, "-d"], check=True, capture_output=True, timeout=SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            self.note(f"MPS did not start ({error}): trials on one GPU take turns")
            return
        self.running = True
        self.note("MPS started: trials on one GPU compute at the same time")

    def end(self) -> None:
        if not self.running:
            return
        self.running = False
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                [CONTROL],
                input="quit\n",
                text=True,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )


def _output(*command: str) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, errors="replace"
        )
        return done.stdout
    return ""

"""python -m eisnn as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

CONFIG = """
model: {arch: MLP, layers: 4, width: 0.1}
data: {name: digits, train_size: 300}
train: {epochs: 4, batch_size: 30, learning_rate: 0.02}
"""


def eisnn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eisnn", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, **options
    )


def measured_line(out: str) -> str:
    """What a run printed of its test accuracy, without its time."""
    return next(line for line in out.splitlines() if line.startswith("test accuracy")).rpartition(
        ";"
    )[0]


def contents(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

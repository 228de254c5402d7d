"""Runs the programs of this folder.

The interpreter is chosen when triton is first imported, so that each is a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[4]


def lines(program: str, *arguments: str) -> list[dict[str, Any]]:
    """What a program of this folder prints, a JSON object for each line."""
    folder = Path(__file__).parent
    path = os.pathsep.join([str(ROOT), str(folder)])
    out = subprocess.run(
        [sys.executable, "-W", "ignore", str(folder / program), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0, out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]

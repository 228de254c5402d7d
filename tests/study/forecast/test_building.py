"""The process that tries a study's networks and data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from benchmarks import crash
from benchmarks.hosts import until
from eisnn.data import cache
from eisnn.data.readers.idx import FILES
from tests import tiny

ROOT = Path(__file__).parents[3]
COMMAND = """
import pathlib, sys, time
from study import request
from study.forecast import building
if __name__ == "__main__":
    wait = building.begin(request.from_file(pathlib.Path(sys.argv[1])).plan())
    time.sleep(600)
"""
PATIENCE = 60.0  # seconds


def mnist(folder: Path) -> list[Path]:
    """Writes a dataset of one image for training and one for tests."""
    header = bytes([0, 0, 8])
    image = header + np.array([3, 1, 28, 28], ">u4").tobytes()[3:] + bytes(28 * 28)
    label = header + np.array([1, 1], ">u4").tobytes()[3:] + bytes(1)
    paths = [folder / name for name in FILES]
    for path in paths:
        path.write_bytes(image if "images" in path.name else label)
    return paths


def loads_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


def test_it_ends_when_the_command_is_killed_while_the_data_are_waited_for(
    tmp_path: Path, study_tree: dict[str, Any]
) -> None:
    """Its output is the command's, which ends when nobody holds it any more."""
    files = mnist(tmp_path)
    base = {**tiny.BASE, "data": {"name": "mnist", "root": str(tmp_path)}}
    space = tiny.write(tmp_path, study_tree, base)
    (tmp_path / "command.py").write_text(COMMAND)
    (tmp_path / ".eisnn").mkdir()
    with FileLock(tmp_path / ".eisnn" / f"mnist-{cache._fingerprint(files)}.lock"):
        command = subprocess.Popen(
            [sys.executable, str(tmp_path / "command.py"), str(space)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )

        def torch_is_loaded() -> bool:
            return any(loads_torch(pid) for pid, _ in crash.descendants(command.pid))

        assert until(torch_is_loaded, PATIENCE)
        command.kill()
        assert command.communicate(timeout=PATIENCE) == (b"", None)

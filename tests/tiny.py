"""A config and a study small enough to train in seconds, the command line called in this process,
and disks that are soon full."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import run_study

BASE: dict[str, Any] = {
    "model": {"arch": "MLP", "layers": 4, "norm": "ei", "T": 2, "width": 0.05},
    "data": {"name": "digits", "train_size": 200, "test_size": 100, "validation_fraction": 0.2},
    "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.01},
}
THREE_EPOCHS = {**BASE, "train": {**BASE["train"], "epochs": 3}}
STUDY: dict[str, Any] = {
    "name": "cli",
    "base": "base.yaml",
    "parameters": {
        "train.learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True}
    },
    "search": {"trials": 2},
    "baselines": {"bn": {"model.norm": "bn"}},
    "replicate": {"seeds": 2},
}


def write(folder: Path, study: dict[str, Any], base: dict[str, Any] = BASE) -> Path:
    """base.yaml and study.yaml in ``folder``; the latter's path."""
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder / "study.yaml"


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of so many MB at ``folder``; the test is skipped where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(
        ["umount", "--lazy", str(folder)], check=True
    )  # a database, or Ray's helpers, may hold a file for a while


def fill(folder: Path, leave: int) -> Path:
    """Takes all room but ``leave`` bytes, also where others write at the same time."""
    path = folder / "ballast"
    with contextlib.suppress(OSError), open(path, "ab", buffering=0) as file:
        while (room := shutil.disk_usage(folder).free - leave) > 0:
            file.write(b"\0" * room)
    return path


def command(*arguments: object) -> tuple[int, str]:
    """The exit code of run_study.py and what it printed; an exception that is no exit is raised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_study, "is_guest", lambda: False)  # this process is ours
        result = CliRunner().invoke(run_study.main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output

"""What an error says of a disk, however it is wrapped; and a real disk that answers with EIO: text
that is lost decides nothing, files that are lost do."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from study.store.disks import BROKEN, FULL, Trouble, disk_trouble
from tests import tiny

ROOT = Path(__file__).parents[3]
COMPILER = shutil.which("cc")


def wrapped(error: Exception) -> Exception:
    try:
        raise RuntimeError("the storage failed") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FULL),
        (RuntimeError("PytorchStreamWriter failed: No space left on device"), FULL),
        (OSError(errno.EIO, "Input/output error", "plan.json"), BROKEN),
        (OSError(errno.EROFS, "Read-only file system"), BROKEN),
        (OSError(errno.ESTALE, "Stale file handle"), BROKEN),
        (sqlite3.OperationalError("disk I/O error"), BROKEN),
        (OSError(errno.ENOENT, "No such file or directory"), None),
        (ValueError("else"), None),
    ],
)
def test_each_error_is_told_apart(error: Exception, trouble: Trouble | None) -> None:
    assert disk_trouble(error) is trouble
    assert disk_trouble(wrapped(error)) is trouble


@pytest.fixture(scope="module")
def broken_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("eio") / "eio.so"
    source = Path(__file__).parent / "eio.c"
    command = [str(COMPILER), "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"]
    subprocess.run(command, check=True)
    return library


def ran(library: Path, folder: Path, part: str, call: str, *options: str) -> tuple[int, str]:
    """The exit code and what was written to standard error, while ``call`` fails for files."""
    space = tiny.write(folder, tiny.STUDY)
    command = [sys.executable, "run_study.py", "--space", str(space), "--results", str(folder)]
    settings = {"LD_PRELOAD": str(library), "EIO_PATH": part, "EIO_CALL": call}
    with open(folder / "printed", "w") as out, open(folder / "said", "w") as error:
        done = subprocess.run(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=out,
            stderr=error,
            check=False,
        )
    return done.returncode, (folder / "said").read_text()


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("part", "call", "said"),
    [
        ("/.plan.json", "fsync", "cli/plan.json: Input/output error\n"),
        ("/.owner.json", "write", "cli/owner.json: Input/output error\n"),
        ("optuna.db", "write", "cli/optuna.db: disk i/o error; see to the disk, or move"),
    ],
)
def test_a_file_that_cannot_be_written_ends_a_study_with_3_and_is_named(
    broken_disk: Path, tmp_path: Path, part: str, call: str, said: str
) -> None:
    code, text = ran(broken_disk, tmp_path, part, call)
    assert (code, said in text, "Traceback" in text) == (3, True, False), text


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
def test_text_that_cannot_be_written_decides_nothing(broken_disk: Path, tmp_path: Path) -> None:
    code, text = ran(broken_disk, tmp_path, "/printed", "write", "--dry-run")
    assert (code, text) == (0, "")
    assert (tmp_path / "printed").read_text() == ""

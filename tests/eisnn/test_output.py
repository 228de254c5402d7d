"""Standard output that cannot end a run: each case in a process of its own, with real streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from eisnn.output import forgiving
with forgiving():
    for number in range(20_000):
        print("line", number, "\\u2500 \\xfc \\udc80")
    print("warning \\xfc", file=sys.stderr)
    open(sys.argv[1], "w").write("to the end")
"""


def program(tmp_path: Path, shell: str = "", **options: Any) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-c", PROGRAM, str(tmp_path / "end")]
    if shell:
        line = ["bash", "-c", f'"$@" {shell}', "bash", *line]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    return subprocess.run(line, env=environment, check=False, cwd=tmp_path, **options)


@pytest.mark.parametrize(
    "shell",
    ["| head -1 > first; exit ${PIPESTATUS[0]}", ">&-", ">&- 2>&-", "> /dev/full", "2> /dev/full"],
)
def test_streams_that_take_nothing_end_nothing(tmp_path: Path, shell: str) -> None:
    done = program(tmp_path, shell, capture_output=True)
    assert done.returncode == 0
    assert (tmp_path / "end").read_text() == "to the end"
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_terminal_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    os.close(ours)
    try:
        assert program(tmp_path, stdout=theirs, stderr=theirs).returncode == 0
    finally:
        os.close(theirs)
    assert (tmp_path / "end").exists()


def test_an_encoding_without_our_letters_gets_escapes(tmp_path: Path) -> None:
    plain = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = program(tmp_path, env=plain, capture_output=True)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == rb"line 0 \u2500 \xfc \udc80"


def test_the_process_has_its_own_streams_again_afterwards() -> None:
    code = (
        "import sys; from eisnn.output import forgiving; before = sys.stdout, sys.stderr\n"
        "with forgiving(): pass\n"
        "assert (sys.stdout, sys.stderr) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

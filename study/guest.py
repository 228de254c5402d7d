"""A study that somebody else's program asks for, such as a notebook or a script."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from study.options import Options

# As which programs we are started.
PROGRAMS = ("run_study.py", "eisnn-study", "eisnn-study-script.py")


def is_guest() -> bool:
    """Returns whether somebody else's program, such as a notebook, called us.

    Ray reads its settings once in a process, and worker processes import its main program: both
    are the caller's.
    """
    program = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    return program.name not in PROGRAMS


def run_apart(program: str, options: Options) -> int:
    """Runs the command in a process of its own, and prints here what it prints."""
    process = subprocess.Popen(
        [sys.executable, program, *options.arguments()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,  # an interruption reaches it through us, once
    )
    assert process.stdout is not None
    while True:
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)

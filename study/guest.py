"""Runs a study for another program, such as a notebook or a script, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from study.options import Options

# The names of the program as a command.
PROGRAMS = ("run_study.py", "eisnn-study", "eisnn-study-script.py")


def is_guest() -> bool:
    """Returns whether another program, such as a notebook, called us.

    Its process may hold settings of Ray's already, which Ray reads only once, and worker processes
    would import its main program.
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

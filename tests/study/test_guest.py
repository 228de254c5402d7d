"""The command called in somebody else's process, such as a notebook's: it leaves as it came."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from study.guest import is_guest
from tests.tiny import write

ROOT = Path(__file__).resolve().parents[2]
ONE_TRIAL = {"name": "guest", "base": "base.yaml", "replicate": {"seeds": 1}}


NOTEBOOK = """
import logging, os, signal, sys, threading, warnings
import matplotlib
import click, pandas
import ray
import run_study

matplotlib.use("svg")

def state():
    return {
        "variables": dict(os.environ),
        "handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "streams": (sys.stdout, sys.stderr),
        "backend": matplotlib.get_backend(),
        "warnings": warnings.showwarning,
        "levels": [logging.getLogger(name).level for name in ("", "ray", "ray.tune")],
        "folder": os.getcwd(),
    }

def study(*options):
    try:
        run_study.main(["--space", "study.yaml", *options], standalone_mode=False)
    except SystemExit as end:
        codes.append(end.code)

codes = []
before = state()
study("--max-concurrent", "1")
after = state()
for name, value in before.items():
    assert after[name] == value, (name, value, after[name])
thread = threading.Thread(target=study, args=("--set", "replicate.seeds=2"))
thread.start()
thread.join()
assert codes == [0, 0], codes
assert not ray.is_initialized()

ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR")
mine = ray.put(41)
study("--set", "replicate.seeds=3", "--max-concurrent", "1")
assert codes == [0, 0, 0], codes
assert ray.get(mine) == 41
ray.shutdown()
print("as it came")
"""


def test_in_a_test_we_are_guests() -> None:
    assert is_guest()


def test_a_study_in_a_notebook_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    write(tmp_path, ONE_TRIAL)
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    done = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "EISNN_KERNELS": "off"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.stdout.endswith("as it came\n"), done.stdout[-2000:] + done.stderr[-2000:]
    assert done.stdout.count("results/guest/report/index.html") == 3

"""The command, the reports and a training run called in somebody else's process, such as a
notebook's: each leaves it as it came."""

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
import logging, os, random, signal, sys, threading, warnings
import matplotlib
import matplotlib.pyplot
import click, numpy, optuna, pandas, scipy.stats, seaborn, torch
import ray
import eisnn, reports, run_study
from eisnn.config.trial import load_config

matplotlib.use("svg")
torch.set_num_threads(1)
logging.getLogger("alembic").addHandler(logging.NullHandler())

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)
LOGGERS = ("", "ray", "ray.tune", "optuna", "py.warnings", "study", "matplotlib")

def state():
    loggers = [logging.getLogger(name) for name in LOGGERS]
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "variables": dict(os.environ),
        "folder": os.getcwd(),
        "path": list(sys.path),
        "umask": umask,
        "handlers": [signal.getsignal(number) for number in SIGNALS],
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "hooks": (sys.excepthook, threading.excepthook),
        "backend": matplotlib.get_backend(),
        "style": dict(matplotlib.rcParams),
        "figures": matplotlib.pyplot.get_fignums(),
        "warnings": (warnings.showwarning, list(warnings.filters)),
        "loggers": [(log.level, list(log.handlers), log.propagate) for log in loggers],
        "verbosity": optuna.logging.get_verbosity(),
        "threads": torch.get_num_threads(),
        "types": (torch.get_default_dtype(), torch.get_default_device()),
        "modes": (torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()),
        "arithmetic": (torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()),
        "numpy": numpy.geterr(),
        "drawn": (random.getstate(), str(numpy.random.get_state()), str(torch.get_rng_state())),
    }

def call(function, *arguments, **options):
    before = state()
    try:
        return function(*arguments, **options)
    except SystemExit as end:
        codes.append(end.code)
    finally:
        for name, value in state().items():
            assert value == before[name], (function, name, before[name], value)

def in_thread(function, *arguments, **options):
    thread = threading.Thread(target=function, args=arguments, kwargs=options)
    thread.start()
    thread.join()

def command(*options):
    run_study.main(list(options), standalone_mode=False)

def study(*options):
    command("--space", "study.yaml", *options)

def fails(row):
    raise KeyError("of the notebook")

codes = []
call(study, "--max-concurrent", "1")
call(study, "--dry-run")
call(study, "--dry-run", "--set", "replicate.seeds=-1")
call(command, "--status", "results/guest")
assert codes == [0, 0, 2, 0], codes
call(in_thread, call, study, "--set", "replicate.seeds=2")
assert codes == [0, 0, 2, 0, 0], codes
assert not ray.is_initialized()

call(reports.load, "results/guest")
call(reports.tables, "results/guest")
call(reports.figure, "results/guest", "curves")
call(in_thread, reports.figure, "results/guest", "forest")
config = load_config("base.yaml")
call(eisnn.fit, config)
call(in_thread, eisnn.fit, config)
try:
    call(eisnn.fit, config, report=fails)
except KeyError:
    pass

ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR")
mine = ray.put(41)
call(study, "--set", "replicate.seeds=3", "--max-concurrent", "1")
assert codes[5:] == [0], codes
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

"""A Ray of our own starts without the processes that a study does not use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from study.execution.cluster import session
from study.spec.models import Resources

ROOT = Path(__file__).resolve().parents[3]
UNUSED = ("dashboard/dashboard.py", "monitor.py")  # the latter: autoscaler and forwarder of logs


def children() -> list[str]:
    """The command lines of the processes that this one has started."""
    lines = subprocess.check_output(["ps", "-wweo", "ppid,args"], text=True).splitlines()[1:]
    return [line for line in lines if int(line.split()[0]) == os.getpid()]


def run_a_task() -> None:
    with session(Resources(), None):
        import ray

        print(ray.get(ray.remote(lambda: 6 * 7).remote()))
        started = children()
        print(sum("gcs_server" in line or "raylet/raylet" in line for line in started))
        print([line for line in started if any(name in line for name in UNUSED)])


def test_a_machine_with_a_gpu_runs_tasks_without_them() -> None:
    label = """{"ray.io/accelerator-type": "H100"}"""  # Ray then records the hardware as it starts
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import run_a_task; run_a_task()"],
        cwd=ROOT,
        env={**os.environ, "RAY_OVERRIDE_LABELS": label},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "42\n2\n[]\n"), done.stderr

"""What a process may use: real affinity and limits, and control groups as files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.forecast import machine

ROOT = Path(__file__).resolve().parents[3]
MEGABYTE = 2**20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of control groups; this process is in job/step of the unified one."""
    own = tmp_path / "cgroup"
    own.write_text("4:cpu,cpuacct:/old\n3:memory:/old\n0::/job/step\n")
    for name in ("job/step", "cpu/old", "memory/old"):
        (tmp_path / "groups" / name).mkdir(parents=True)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "OWN_CGROUP", own)
    monkeypatch.setattr(machine, "_affinity", lambda: 64)
    return tmp_path / "groups"


def test_without_limits_it_is_the_affinity(groups: Path) -> None:
    (groups / "job" / "cpu.max").write_text("max 100000\n")
    (groups / "cpu" / "old" / "cpu.cfs_quota_us").write_text("-1\n")
    assert machine.cpus() == 64
    assert machine.memory_bytes() == machine.physical_bytes()


@pytest.mark.parametrize(
    ("file", "text", "cpus"),
    [
        ("job/cpu.max", "400000 100000", 4),  # of a group around ours
        ("job/step/cpu.max", "250000 100000", 2),
        ("cpu.max", "50000 100000", 1),  # half a CPU is one trial at a time
        ("cpu/old/cpu.cfs_quota_us", "300000", 3),
        ("job/cpu.max", "nonsense", 64),
    ],
)
def test_the_smallest_quota_holds(groups: Path, file: str, text: str, cpus: int) -> None:
    (groups / "cpu" / "old" / "cpu.cfs_period_us").write_text("100000\n")
    (groups / file).write_text(text + "\n")
    assert machine.cpus() == cpus


def test_the_smallest_memory_limit_holds(groups: Path) -> None:
    (groups / "job" / "memory.max").write_text(f"{300 * MEGABYTE}\n")
    (groups / "memory" / "old" / "memory.limit_in_bytes").write_text(f"{200 * MEGABYTE}\n")
    assert machine.memory_bytes() == 200 * MEGABYTE


def test_an_affinity_of_one_is_one() -> None:
    one = str(min(os.sched_getaffinity(0)))
    code = "from study.forecast import machine; print(machine.cpus())"
    line = ["taskset", "-c", one, sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_machine_without_affinity_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert machine.cpus() >= 1

"""How many CPUs and how much memory this process may use.

Batch systems and containers give a process less than the machine has, through its affinity and
its control groups; the smallest limit counts.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def cpus() -> int:
    """Returns how many CPUs this process may use at once, at least 1."""
    return max(1, int(min([_affinity(), *_quotas()])))


def memory_bytes() -> int:
    """Returns how much memory this process and its children may use together."""
    return int(min([physical_bytes(), *_memory_limits()]))


def physical_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def address_space_bytes() -> int | None:
    """Returns the limit of one process's address space (``ulimit -v``), or None."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas() -> Iterator[float]:
    """Yields the CPUs that each control group around this process allows."""
    for folder in _groups("cpu"):
        words = _read(folder / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            yield _ratio(words[0], words[1])
        quota = _read(folder / "cpu.cfs_quota_us")
        if quota and not quota.startswith("-"):
            yield _ratio(quota, _read(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float:
    try:
        return float(quota) / float(period)
    except (ValueError, ZeroDivisionError):
        return float("inf")


def _memory_limits() -> Iterator[int]:
    for folder in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdecimal():
                yield int(text)


def _groups(controller: str) -> Iterator[Path]:
    """Yields the folders of this process's control group and of all that hold it."""
    for line in _read(OWN_CGROUP).splitlines() or ["0::/"]:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            root = CGROUPS
        elif controller in controllers.split(","):
            root = CGROUPS / controller
        else:
            continue
        folder = root / path.strip("/")
        yield folder
        while folder != root:
            folder = folder.parent
            yield folder


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""

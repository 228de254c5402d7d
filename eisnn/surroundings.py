"""What training runs on: commit and uncommitted changes, packages, hardware, command line."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import eisnn
from eisnn.config.trial import NUMERICS_VERSION
from eisnn.files import write_whole
from eisnn.kernels.cpu import build

FILE = "environment.json"
PACKAGES = (
    "eisnn-study",
    "torch",
    "torchvision",
    "numpy",
    "ray",
    "optuna",
    "pandas",
    "scikit-learn",
    "scipy",
    "pydantic",
    "SQLAlchemy",
)
OURS = "eisnn-study"
MAX_DIFF = 200_000


def describe() -> dict[str, Any]:
    """Returns the surroundings that can change a number, and the command line.

    ``key`` names the surroundings alone.
    """
    surroundings = {
        **_code(),
        "numerics": NUMERICS_VERSION,
        "kernels": build.status(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "host": platform.node(),
        "cpu": _cpu(),
        "instructions": _instructions(),
        "cpus": _cpus(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": _run("nvidia-smi", "-L").splitlines() if shutil.which("nvidia-smi") else [],
    }
    key = hashlib.sha256(json.dumps(surroundings, sort_keys=True).encode()).hexdigest()[:8]
    now = {
        "key": key,
        "command": sys.argv,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "freeze": freeze(),
    }
    return {**now, **surroundings}


def _code() -> dict[str, Any]:
    """Returns which code trains: its digest, and its commit or how it was installed.

    The commit counts only if the repository is the code's own; that around a wheel is the user's.
    """
    code = Path(eisnn.__file__).parent.parent
    found: dict[str, Any] = {"code": code_key(), "commit": None, "uncommitted_changes": ""}
    top = _run("git", "-C", str(code), "rev-parse", "--show-toplevel").strip()
    if top and Path(top).resolve() == code.resolve():
        diff = _run("git", "-C", str(code), "diff", "HEAD", "--", "*.py", "*.cpp", "*.yaml")
        found["commit"] = _run("git", "-C", str(code), "rev-parse", "HEAD").strip() or None
        found["uncommitted_changes"] = diff[:MAX_DIFF]
        return found
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
        direct = importlib.metadata.distribution(OURS).read_text("direct_url.json")
        found["installed_from"] = json.loads(direct) if direct else None
    return found


def freeze() -> list[str]:
    """Returns every installed package as ``name==version``, as pip freeze lists them."""
    found = set()
    for package in importlib.metadata.distributions():
        name = package.metadata["Name"]
        if name:
            found.add(f"{name}=={package.version}")
    return sorted(found, key=str.lower)


def record_surroundings(folder: Path) -> str:
    """Writes ``environment.json`` and returns its key.

    Earlier, different surroundings stay under ``earlier``.
    """
    present, before = describe(), _read(folder / FILE)
    kept = before.pop("earlier", {})
    if before.get("key") not in (None, present["key"]):
        kept[before["key"]] = before
    text = json.dumps({**present, "earlier": kept}, indent=1) + "\n"
    write_whole(folder / FILE, text.encode())
    return str(present["key"])


def _read(path: Path) -> dict[str, Any]:
    """Returns the record in a file; empty if it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        whole = isinstance(found, dict) and isinstance(found.get("earlier"), dict)
        return found if whole else {}
    return {}


@functools.cache
def code_key() -> str:
    """Returns eight digits that name the code that trains, from the sources of `eisnn` and `study`.

    Reads them once per process, as Python reads what it imports, and not before every trial.
    """
    digest = hashlib.sha256()
    code = Path(eisnn.__file__).parent.parent
    for room in (code / "eisnn", code / "study"):
        for path in sorted([*room.rglob("*.py"), *room.rglob("*.cpp")]):
            digest.update(f"{room.name}/{path.relative_to(room)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:8]


def _run(*command: str) -> str:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False, errors="replace"
        ).stdout
    return ""


def _version(name: str) -> str | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return None


def _cpus() -> int:
    """Returns how many CPUs this process may use, if the system says, else all."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _instructions() -> str:
    """Returns the widest vectors that torch may use here, which change the order of sums."""
    with contextlib.suppress(OSError):
        flags = set(Path("/proc/cpuinfo").read_text().split())
        return next((name for name in ("avx512f", "avx2", "asimd") if name in flags), "plain")
    return platform.machine()


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()

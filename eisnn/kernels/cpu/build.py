"""Builds and loads the C++ kernels: once per machine, user, torch version, CPU and source.

The library lies in a folder named by a hash of all these, under $EISNN_CACHE, else
$XDG_CACHE_HOME/eisnn, else ~/.cache/eisnn. If several processes want it at once, one builds and the
others wait, on a lock that the system drops if the builder dies.

`why_unavailable` builds and loads; `refused`, `library` and `status` do not load torch and only
report. Run as a program, this file builds what is missing, and prints the reason if it cannot.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

FOLDER = Path(__file__).parent
NAME = "eisnn_kernels"
FLAGS = ["-O3", "-march=native", "-fopenmp", "-std=c++20"]
FAILED = "the kernels could not be built"
BUILDING = "building the C++ kernels, once on this machine (about half a minute)"


def refused() -> str | None:
    """Returns why there can be no kernels here, as far as is known; None if they may work."""
    if os.environ.get("EISNN_KERNELS", "on").lower() in ("off", "0", "no", "false"):
        return "EISNN_KERNELS=off"
    if library().exists():
        return None
    compiler = os.environ.get("CXX") or "c++"
    for tool in ("ninja", compiler):
        if not shutil.which(tool):
            return f"{FAILED}: {tool} is not installed"
    return None


def status() -> str:
    """Returns what to record about the kernels: "on", or why there are none.

    If nothing is built yet, a compiler that cannot compile one line counts as a reason.
    """
    reason = refused()
    if reason is not None or library().exists():
        return reason or "on"
    compiler = os.environ.get("CXX") or "c++"
    command = [compiler, "-x", "c++", "-", "-c", "-o", os.devnull]
    try:
        tried = subprocess.run(command, input="int main() {}", text=True, capture_output=True)
    except OSError as error:
        return f"{FAILED}: {error}"
    if tried.returncode:
        return f"{FAILED}: {compiler} ended with {tried.returncode}"
    return "on"


def library() -> Path:
    """Returns where the library for exactly this source, torch and CPU is or would be."""
    sources = sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")])
    parts = [_torch_version(), platform.machine(), _cpu_flags(), *FLAGS, os.environ.get("CXX", "")]
    digest = hashlib.sha256(
        "\n".join([*parts, *(source.read_text() for source in sources)]).encode()
    ).hexdigest()[:16]
    return cache() / "kernels" / digest / f"{NAME}.so"


def cache() -> Path:
    """Returns this user's folder for compiled files."""
    given = os.environ.get("EISNN_CACHE")
    if given:
        return Path(given)
    above = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(above or Path.home() / ".cache") / "eisnn"
    except RuntimeError:  # no HOME and no entry in passwd, as in containers
        return _private_folder(Path(tempfile.gettempdir()) / f"eisnn-{os.getuid()}")


def _private_folder(path: Path) -> Path:
    """Returns ``path`` as a folder of this user alone, or a new folder if somebody else has it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
        return path
    return Path(tempfile.mkdtemp(prefix="eisnn-"))


def share_compiled() -> None:
    """Keeps what torch.compile makes beside the kernels, unless the user says otherwise."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache() / "inductor"))


@functools.cache
def why_unavailable() -> str | None:
    """Builds the kernels if need be, and loads them. Returns why that is impossible, or None."""
    reason = refused()
    if reason is not None:
        return reason
    import torch

    try:
        built = library()
        if not built.exists():
            _build(built)
        torch.ops.load_library(str(built))
    except Exception as error:  # The readable path works without whatever is missing.
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    """Returns the error in one line: the first in a compiler's output, else the whole text."""
    text = str(error)
    lines = [line for line in text.splitlines() if "error:" in line] or [" ".join(text.split())]
    return f"{FAILED}: {type(error).__name__}: {lines[0]}"[:300]


def _torch_version() -> str:
    """Returns the contents of torch's version file, read without loading torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        return ""
    return (Path(spec.origin).parent / "version.py").read_text()


def _cpu_flags() -> str:
    """Returns the CPU's instruction sets, on which -march=native depends."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line for line in lines if line.startswith(("flags", "Features"))), platform.processor()
    )


def _build(library: Path) -> None:
    """Compiles beside the final place, then renames, so that a library that exists is whole."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(library.with_suffix(".lock")):
        if library.exists():
            return
        print(f"eisnn: {BUILDING}", file=sys.stderr, flush=True)
        # torch would warn that it found no CUDA, which nothing here needs.
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        import torch
        from torch.utils.cpp_extension import load as compile_and_load

        capability = torch.backends.cpu.get_cpu_capability()
        # at::vec::Vectorized picks its registers by this macro. OpenMP's calls resolve to the
        # runtime that torch itself loaded.
        defines = [f"-DCPU_CAPABILITY={capability}", f"-DCPU_CAPABILITY_{capability}"]
        with tempfile.TemporaryDirectory(dir=library.parent) as work:
            compile_and_load(
                NAME,
                [str(source) for source in sorted(FOLDER.glob("*.cpp"))],
                extra_cflags=[*FLAGS, *defines],
                build_directory=work,
                is_python_module=False,
                is_standalone=False,
            )
            os.replace(Path(work) / f"{NAME}.so", library)


if __name__ == "__main__":
    print(why_unavailable() or "")

"""Builds the C++ kernels on first use, once per machine, user, torch version, CPU and source; `load` gives the reason where it cannot.

The library lies in a folder named by a hash of all that, under $EISNN_CACHE, else $XDG_CACHE_HOME/eisnn, else ~/.cache/eisnn. Of several
processes that want it at once, one builds and the others wait (a lock that the system drops if the builder dies).

`refused` and `library` are for who must not load torch: they say whether there is anything to build. Run as a program, this file builds
what is missing and prints why it could not.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

FOLDER = Path(__file__).parent
NAME = "eisnn_kernels"
FLAGS = ["-O3", "-march=native", "-fopenmp", "-std=c++20"]
BUILDING = "building the C++ kernels, once on this machine (about half a minute)"


def refused() -> str | None:
    """Why there can be no kernels here, as far as that is known without trying; EISNN_KERNELS=off refuses them."""
    if os.environ.get("EISNN_KERNELS", "on").lower() in ("off", "0", "no", "false"):
        return "EISNN_KERNELS=off"
    if library().exists():
        return None
    compiler = os.environ.get("CXX") or "c++"
    missing = next((tool for tool in ("ninja", compiler) if not shutil.which(tool)), None)
    return (
        None if missing is None else f"the kernels could not be built: {missing} is not installed"
    )


def library() -> Path:
    """Where the library for exactly this source, torch and CPU is or would be."""
    sources = sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")])
    parts = [_torch_version(), platform.machine(), _cpu_flags(), *FLAGS, os.environ.get("CXX", "")]
    digest = hashlib.sha256(
        "\n".join([*parts, *(source.read_text() for source in sources)]).encode()
    ).hexdigest()[:16]
    return cache() / "kernels" / digest / f"{NAME}.so"


def cache() -> Path:
    """This user's folder for what is compiled once."""
    return Path(
        os.environ.get("EISNN_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eisnn"
    )


def share_compiled() -> None:
    """What torch.compile makes is to lie where the kernels do, instead of in a temporary folder, unless the user says otherwise."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache() / "inductor"))


@functools.cache
def load() -> str | None:
    """Makes torch.ops.eisnn available; returns None, or why the kernels cannot be had."""
    reason = refused()
    if reason is not None:
        return reason
    import torch

    try:
        built = library()
        if not built.exists():
            _build(built)
        torch.ops.load_library(str(built))
    except Exception as error:  # whatever is missing, the plain path works: keep the reason
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    """One line; of a compiler's output, its first error."""
    text = str(error)
    lines = [line for line in text.splitlines() if "error:" in line] or [" ".join(text.split())]
    return f"the kernels could not be built: {type(error).__name__}: {lines[0]}"[:300]


def _torch_version() -> str:
    """torch's own version file, read without loading torch."""
    spec = importlib.util.find_spec("torch")
    return (
        (Path(spec.origin).parent / "version.py").read_text()
        if spec is not None and spec.origin
        else ""
    )


def _cpu_flags() -> str:
    """What -march=native depends on: the CPU's instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line for line in lines if line.startswith(("flags", "Features"))), platform.processor()
    )


def _build(library: Path) -> None:
    """Compiles beside the final place, then renames: a library that exists is whole."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(library.with_suffix(".lock")):
        if library.exists():
            return
        print(f"eisnn: {BUILDING}", file=sys.stderr, flush=True)
        logging.getLogger("torch.utils.cpp_extension").setLevel(
            logging.ERROR
        )  # it warns that there is no CUDA
        import torch
        from torch.utils.cpp_extension import load as compile_and_load

        capability = torch.backends.cpu.get_cpu_capability()
        # at::vec::Vectorized picks its registers by this macro. OpenMP's calls resolve to the runtime that torch itself loaded.
        defines = [f"-DCPU_CAPABILITY={capability}", f"-DCPU_CAPABILITY_{capability}"]
        with tempfile.TemporaryDirectory(dir=library.parent) as work:
            compile_and_load(
                NAME, [str(source) for source in sorted(FOLDER.glob("*.cpp"))], extra_cflags=[*FLAGS, *defines],
                build_directory=work, is_python_module=False, is_standalone=False,
            )  # fmt: skip
            os.replace(Path(work) / f"{NAME}.so", library)


if __name__ == "__main__":
    print(load() or "")

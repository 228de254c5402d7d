"""No kernel reads or writes beyond its tensors, and no two threads of one write the same place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import include_paths, library_paths

from eisnn.kernels.cpu import build
from tests.eisnn.kernels.needs import needs_kernels

HERE = Path(__file__).parent
COMPILER = os.environ.get("CXX") or "c++"
# Each sanitizer's flags, its runtimes, and their settings.
ADDRESSES = (
    ["-fopenmp", "-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=all"],
    ["libasan.so", "libubsan.so"],
    {"ASAN_OPTIONS": "detect_leaks=0"},
)
THREADS = (
    ["-fsanitize=thread", "-include", str(HERE / "threads.h")],
    ["libtsan.so"],
    {"TSAN_OPTIONS": "ignore_noninstrumented_modules=1 halt_on_error=1"},
)


@pytest.mark.slow
@needs_kernels
@pytest.mark.parametrize(
    ("sanitize", "runtimes", "settings"), [ADDRESSES, THREADS], ids=["addresses", "threads"]
)
def test_sanitizers_find_nothing_over_many_shapes(tmp_path, sanitize, runtimes, settings):
    capability = torch.backends.cpu.get_cpu_capability()
    flags = ["-O1", "-g1", "-march=native", "-std=c++20", "-fPIC", "-shared", "-w", *sanitize]
    flags += [f"-DCPU_CAPABILITY={capability}", f"-DCPU_CAPABILITY_{capability}"]
    flags += [f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
    flags += [f"-isystem{path}" for path in include_paths()]
    library = tmp_path / "kernels.so"
    sources = [str(source) for source in sorted(build.FOLDER.glob("*.cpp"))]
    links = [f"-L{path}" for path in library_paths()] + ["-ltorch_cpu", "-ltorch", "-lc10"]
    subprocess.run([COMPILER, *flags, *sources, *links, "-o", str(library)], check=True)
    environment = {
        **os.environ,
        **settings,
        "LD_PRELOAD": ":".join(map(found, runtimes)),
        "EISNN_KERNELS": "off",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, str(HERE / "sanitized.py"), str(library)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    print(ran.stdout, ran.stderr[-3000:])
    assert ran.returncode == 0, ran.stderr[-3000:]
    answered, refused = (int(word) for word in ran.stdout.split() if word.isdigit())
    assert answered > 300
    assert refused > 300


def found(name):
    """Where the compiler has a sanitizer's runtime."""
    asked = [COMPILER, f"-print-file-name={name}"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

"""No kernel reads or writes beyond its tensors: address and undefined-behaviour sanitizers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import include_paths, library_paths

from eisnn.kernels.cpu import build

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(build.why_unavailable() is not None, reason=str(build.why_unavailable()))
def test_sanitizers_find_nothing_over_many_shapes(tmp_path):
    compiler = os.environ.get("CXX") or "c++"
    capability = torch.backends.cpu.get_cpu_capability()
    flags = ["-O1", "-g1", "-march=native", "-fopenmp", "-std=c++20", "-fPIC", "-shared", "-w"]
    flags += ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=all"]
    flags += [f"-DCPU_CAPABILITY={capability}", f"-DCPU_CAPABILITY_{capability}"]
    flags += [f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
    flags += [f"-isystem{path}" for path in include_paths()]
    library = tmp_path / "kernels.so"
    sources = [str(source) for source in sorted(build.FOLDER.glob("*.cpp"))]
    links = [f"-L{path}" for path in library_paths()] + ["-ltorch_cpu", "-ltorch", "-lc10"]
    subprocess.run([compiler, *flags, *sources, *links, "-o", str(library)], check=True)
    runtimes = []
    for name in ("libasan.so", "libubsan.so"):
        asked = [compiler, f"-print-file-name={name}"]
        found = subprocess.run(asked, capture_output=True, text=True, check=True)
        runtimes.append(found.stdout.strip())
    environment = {
        **os.environ,
        "LD_PRELOAD": ":".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0",
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

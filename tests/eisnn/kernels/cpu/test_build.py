"""Building the C++ kernels."""

import os
import subprocess
import sys


def test_without_a_compiler_the_reason_is_kept(tmp_path):
    environment = {
        **os.environ,
        "EISNN_CACHE": str(tmp_path),
        "CXX": "no-such-compiler",
        "EISNN_KERNELS": "on",
    }
    code = "from eisnn.kernels.cpu import build; print(build.why_unavailable())"
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip().startswith("the kernels could not be built")

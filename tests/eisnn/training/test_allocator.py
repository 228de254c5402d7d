"""Freed memory stays with the process."""

import os
import subprocess
import sys

import pytest

from eisnn.training.allocator import ENVIRONMENT

PROGRAM = """
import sys
from eisnn.training.allocator import keep_freed_memory

def resident():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024

if "keep" in sys.argv:
    assert keep_freed_memory()
before = resident()
block = bytearray(b"1") * (64 * 2**20)
del block
print(resident() - before)
"""


def kept_mb(*arguments: str, **environment: str) -> float:
    """What a process still holds of 64 MB that it has freed."""
    given = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(
        command, env={**given, **environment}, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_kept_where_asked_and_given_back_elsewhere():
    assert kept_mb() < 10
    assert kept_mb("keep") > 60
    assert kept_mb(**ENVIRONMENT) > 60

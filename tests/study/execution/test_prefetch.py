"""What Tune needs is imported beside Ray's start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from study.execution.prefetch import MODULES

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import sys
from study.execution.prefetch import MODULES, imported_beside
with imported_beside():
    pass
print(sorted(set(MODULES) & set(sys.modules)), "ray" in sys.modules)
"""


def test_all_is_there_after_the_block_and_nothing_of_rays() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{sorted(MODULES)} False\n"

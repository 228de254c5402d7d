"""What a report costs: seconds of `python -m reports DIR`, imports and every format included.

    python -m benchmarks.report DIR [--rounds 3]

The report is written to a folder of its own, so that DIR stays as it is. The median is printed;
results of a machine that does other work mean little.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds_of(study: Path) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    with tempfile.TemporaryDirectory(prefix="eisnn-report-") as out:
        start, before = time.monotonic(), os.times()
        command = [sys.executable, "-m", "reports", str(study), "--out", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
    user = after.children_user - before.children_user
    system = after.children_system - before.children_system
    return time.monotonic() - start, user + system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds = [seconds_of(options.study) for _ in range(options.rounds)]
    wall, processor = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(f"{options.study.name}: {wall:.1f} s, {processor:.1f} s of processor time")


if __name__ == "__main__":
    main()

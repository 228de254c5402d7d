"""Measures how the time of a training step grows with time steps, batch, depth and width.

    python -m benchmarks.scaling [--threads 2 --rounds 3 --clock cpu --json]

One quantity changes at a time around a VGG-8 of a quarter of the width, batch 32, T 4, on 32x32
images. The exponent is the slope of log time over log quantity between the ends; 1 is proportional.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from benchmarks.nets import make_step
from benchmarks.step import CLOCKS, interleaved, summarise
from eisnn.training.allocator import keep_freed_memory

BASE: dict[str, Any] = {"arch": "VGG", "layers": 8, "batch": 32, "T": 4, "width": 0.25}
SERIES: dict[str, list[Any]] = {
    "T": [1, 2, 4, 8, 16],
    "batch": [8, 16, 32, 64, 128],
    "layers": [5, 8, 11, 16, 19],
    "width": [0.125, 0.25, 0.5, 1.0],
}


@dataclass(frozen=True)
class Growth:
    """The time of a step at each value of a quantity."""

    values: list[Any]
    ms: list[float]
    exponent: float


def measure(rounds: int, clock: str) -> dict[str, Growth]:
    """Measures the growth with every quantity of SERIES."""
    report = {}
    for quantity, values in SERIES.items():
        steps = {str(value): make_step("ours", **{**BASE, quantity: value}) for value in values}
        rows = summarise(interleaved(steps, rounds, clock=clock), reference="none")
        times = [row["ms"] for row in rows.values()]
        slope = math.log(times[-1] / times[0]) / math.log(values[-1] / values[0])
        report[quantity] = Growth(values, times, slope)
    return report


def table(report: dict[str, Growth]) -> str:
    """Returns a Markdown table for each quantity."""
    lines = []
    for quantity, growth in report.items():
        values, times = map(str, growth.values), (f"{ms:.0f}" for ms in growth.ms)
        lines += [
            f"| {quantity} | {' | '.join(values)} | exponent |",
            "|---" * (len(growth.values) + 2) + "|",
            f"| ms | {' | '.join(times)} | {growth.exponent:.2f} |",
            "",
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    report = measure(options.rounds, options.clock)
    print(json.dumps(report, default=asdict) if options.json else table(report))


if __name__ == "__main__":
    main()

"""Times one training step: ours, its readable twin, the floor, the BN twin, others' neurons.

    python -m benchmarks.step [--arch VGG --layers 8 --batch 64 --threads 2 --rounds 7 --only
    ours,floor --json]

The variants take turns, one step each per round, so that a busy moment of the machine affects all.
A ratio is the median over rounds of the variant's time divided by the floor's in the same round.
Peak memory is measured in a separate process, above what that holds before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import torch

from benchmarks.nets import Step, make_step, names
from eisnn.kernels.cpu import build
from eisnn.training.allocator import keep_freed_memory
from eisnn.training.memory import MemoryMeter

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def interleaved(
    steps: dict[str, Step], rounds: int, warm_up: int = 1, clock: str = "wall"
) -> dict[str, list[float]]:
    """Returns the seconds of each step in each round.

    On a busy machine the CPU time of one thread is steadier than the clock on the wall.
    """
    now = CLOCKS[clock]
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(warm_up + rounds):
        for name, step in steps.items():
            start = now()
            step()
            if turn >= warm_up:
                seconds[name].append(now() - start)
    return seconds


def summarise(
    seconds: dict[str, list[float]], reference: str = "floor"
) -> dict[str, dict[str, float]]:
    """Returns the median milliseconds and, if measured, the median ratio to the reference."""
    rows = {}
    for name, own in seconds.items():
        rows[name] = {"ms": 1e3 * statistics.median(own)}
        if reference in seconds:
            rows[name]["ratio"] = statistics.median(
                a / b for a, b in zip(own, seconds[reference], strict=True)
            )
    return rows


def peak_memory(name: str, options: argparse.Namespace) -> float:
    """Returns the peak memory in MB, measured in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.step", "--memory-of", name]
    for option in ("arch", "layers", "batch", "T", "threads"):
        command += [f"--{option}", str(getattr(options, option))]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def memory_of(name: str, options: argparse.Namespace) -> float:
    step = make_step(name, options.arch, options.layers, min(4, options.batch), options.T)
    step()  # makes libraries, threads, weights and momentum; the rest is activity
    meter = MemoryMeter(torch.device("cpu"))
    make_step(name, options.arch, options.layers, options.batch, options.T)()
    return meter.peak_mb()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", default="VGG")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--T", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--only", help="variants, separated by commas; of: " + ", ".join(names()))
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.memory_of:
        print(memory_of(options.memory_of, options))
        return
    keep_freed_memory()
    chosen = options.only.split(",") if options.only else names()
    steps = {
        name: make_step(name, options.arch, options.layers, options.batch, options.T)
        for name in chosen
    }
    rows = summarise(interleaved(steps, options.rounds, clock=options.clock))
    if not options.no_memory:
        for name in chosen:
            rows[name]["peak_mb"] = peak_memory(name, options)
    report: dict[str, Any] = {
        "arch": options.arch,
        "layers": options.layers,
        "batch": options.batch,
        "T": options.T,
        "threads": options.threads,
        "kernels": build.why_unavailable() or "on",
        "torch": torch.__version__,
        "rows": rows,
    }
    print(json.dumps(report) if options.json else table(report))


def table(report: dict[str, Any]) -> str:
    words = "{arch}-{layers}, batch {batch}, T {T}, {threads} threads, torch {torch}, "
    head = (words + "kernels: {kernels}").format(**report)
    lines = [head, "", "| step | ms | / floor | peak MB |", "|---|---|---|---|"]
    for name, row in report["rows"].items():
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        peak = f"{row['peak_mb']:.0f}" if "peak_mb" in row else ""
        lines.append(f"| {name} | {row['ms']:.1f} | {ratio} | {peak} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

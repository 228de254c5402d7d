"""Compares ways of dividing a machine: how many trials at once, with how many threads each.

    python -m benchmarks.concurrency [--configs FILE ... --cpus 2 --seconds 4 --rounds 7 --json]

N CPUs are divided in three ways: N trials with one thread, one trial with N threads, and 2 N trials
with one thread. Each way keeps its own processes, and the ways take turns. In a turn, each process
trains as many steps of the config's network, on random images of its dataset's shape, as one
process with N threads does in the given seconds. A turn ends with its slowest process, so its pace
is trials x steps / seconds.

pace        steps per second of the whole machine, divided by that of one trial with N threads in
            the same round: median [quartiles]
CPU         CPU seconds per step, divided likewise: what a step takes of a full machine; also valid
            on a busy one
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

CONFIGS = (
    "configs/EI-SNN/Digits-MLP8.yaml",
    "configs/EI-SNN/FashionMNIST-MLP4.yaml",
    "configs/EI-SNN/FashionMNIST-VGG8.yaml",
)


@dataclass(frozen=True)
class Quartiles:
    """Of a ratio over the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Quartiles:
        return cls(*statistics.quantiles(values, n=4))

    def __str__(self) -> str:
        return f"{self.median:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Way:
    """What one way of dividing the machine achieves; see the module's docstring."""

    steps_per_second: float
    cpu_ms_per_step: float
    pace: Quartiles
    cpu: Quartiles


class Trial:
    """A process that trains steps when told to."""

    def __init__(self, config: str, threads: int) -> None:
        command = [sys.executable, "-m", "benchmarks.concurrency", "--worker", config]
        command += ["--threads", str(threads)]
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, str(threads))}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, steps: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()

    def wait(self) -> float:
        """Waits for the steps; returns the CPU seconds that they took."""
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def turn(trials: list[Trial], steps: int) -> tuple[float, float]:
    """Returns steps per second of all trials together, and CPU seconds per step."""
    start = time.perf_counter()
    for trial in trials:
        trial.start(steps)
    cpu = sum(trial.wait() for trial in trials)
    done = len(trials) * steps
    return done / (time.perf_counter() - start), cpu / done


def measure(config: str, cpus: int, seconds: float, rounds: int) -> dict[str, Way]:
    """Measures every way, by its name."""
    whole, single = Trial(config, cpus), [Trial(config, 1) for _ in range(2 * cpus)]
    reference = f"1 x {cpus}"
    ways = {reference: [whole], f"{cpus} x 1": single[:cpus], f"{2 * cpus} x 1": single}
    try:
        for trials in ways.values():
            turn(trials, 2)  # builds kernels and buffers
        steps = max(2, round(seconds * turn(ways[reference], 3)[0]))
        seen = [{name: turn(trials, steps) for name, trials in ways.items()} for _ in range(rounds)]
    finally:
        for trial in (whole, *single):
            trial.end()
    return {
        name: Way(
            statistics.median(row[name][0] for row in seen),
            1e3 * statistics.median(row[name][1] for row in seen),
            pace=Quartiles.of(row[name][0] / row[reference][0] for row in seen),
            cpu=Quartiles.of(row[name][1] / row[reference][1] for row in seen),
        )
        for name in ways
    }


def worker(config: str, threads: int) -> None:
    """Trains as many steps as each line of standard input says; prints their CPU seconds."""
    import torch

    from eisnn import build_model, build_optimizer, initialize, load_config
    from eisnn.config.datasets import DATASETS
    from eisnn.networks import with_shapes
    from eisnn.training.allocator import keep_freed_memory
    from eisnn.training.steps import training_step

    keep_freed_memory()
    torch.set_num_threads(threads)
    given = load_config(config)
    published = DATASETS[given.data.name]
    shape, classes = published.shape, published.classes
    model = build_model(with_shapes(given, shape, classes))
    torch.manual_seed(0)
    x = torch.rand(given.train.batch_size, *shape)
    y = torch.randint(classes, (given.train.batch_size,))
    initialize(model, x, seed=0)
    optimizer = build_optimizer(model, given.train)
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            training_step(model, optimizer, x, y)
        print(time.process_time() - start, flush=True)


def table(report: dict[str, dict[str, Way]]) -> str:
    """Returns a Markdown table of each config's ways."""
    lines = [
        "| network | trials x threads | steps/s | pace | CPU ms/step | CPU |",
        "|---|---|---|---|---|---|",
    ]
    for config, ways in report.items():
        for name, way in ways.items():
            speed, cost = f"{way.steps_per_second:.1f}", f"{way.cpu_ms_per_step:.1f}"
            lines.append(f"| {config} | {name} | {speed} | {way.pace} | {cost} | {way.cpu} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", nargs="+", default=CONFIGS)
    parser.add_argument("--cpus", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        worker(options.worker, options.threads)
        return
    report = {
        config: measure(config, options.cpus, options.seconds, options.rounds)
        for config in options.configs
    }
    print(json.dumps(report, default=asdict) if options.json else table(report))


if __name__ == "__main__":
    main()

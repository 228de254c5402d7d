"""How many trials at once, with how many threads each: one machine, the same work, divided
differently.

    python -m benchmarks.concurrency [--configs FILE ... --cpus 2 --seconds 4 --rounds 7 --json]

Each way of dividing N CPUs has its own processes, which stay: N trials with one thread, one trial
with N threads, and 2 N trials with one thread. They take turns; in a turn each of its processes
trains so many steps of the config's network, on random images of its dataset's shape, as one
process with N threads does in the given seconds. ``trials`` steps are done when the last process is
done, so a turn's pace is trials x steps / seconds.

pace        steps a second of the whole machine, over that of one trial with N threads in the same round: median [quartiles]
CPU         CPU seconds per step, over the same: what a step takes of a machine that is full. It holds on a busy machine, too
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

CONFIGS = (
    "configs/EI-SNN/Digits-MLP8.yaml",
    "configs/EI-SNN/FashionMNIST-MLP4.yaml",
    "configs/EI-SNN/FashionMNIST-VGG8.yaml",
)


class Trial:
    """A process that trains steps when told to."""

    def __init__(self, config: str, threads: int) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks.concurrency",
            "--worker",
            config,
            "--threads",
            str(threads),
        ]
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
        }
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def start(self, steps: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()

    def wait(self) -> float:
        """CPU seconds of what it was told to do."""
        assert self.process.stdout is not None
        return float(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def turn(trials: list[Trial], steps: int) -> tuple[float, float]:
    """Steps per second of all trials together, and CPU seconds per step."""
    start = time.perf_counter()
    for trial in trials:
        trial.start(steps)
    cpu = sum(trial.wait() for trial in trials)
    done = len(trials) * steps
    return done / (time.perf_counter() - start), cpu / done


def measure(config: str, cpus: int, seconds: float, rounds: int) -> dict[str, dict[str, Any]]:
    ways = {
        f"1 x {cpus}": [Trial(config, cpus)],
        f"{cpus} x 1": [Trial(config, 1) for _ in range(cpus)],
    }
    ways[f"{2 * cpus} x 1"] = [*ways[f"{cpus} x 1"], *(Trial(config, 1) for _ in range(cpus))]
    reference = f"1 x {cpus}"
    try:
        for trials in ways.values():
            turn(trials, 2)  # kernels and buffers are there
        steps = max(2, round(seconds * turn(ways[reference], 3)[0]))
        seen = [{name: turn(trials, steps) for name, trials in ways.items()} for _ in range(rounds)]
    finally:
        for trial in {id(trial): trial for trials in ways.values() for trial in trials}.values():
            trial.end()
    return {
        name: {
            "steps_per_second": statistics.median(row[name][0] for row in seen),
            "cpu_ms_per_step": 1e3 * statistics.median(row[name][1] for row in seen),
            "pace": statistics.quantiles([row[name][0] / row[reference][0] for row in seen], n=4),
            "cpu": statistics.quantiles([row[name][1] / row[reference][1] for row in seen], n=4),
        }
        for name in ways
    }


def worker(config: str, threads: int) -> None:
    import torch

    from eisnn import build_model, build_optimizer, initialize, load_config
    from eisnn.config.datasets import DATASETS
    from eisnn.networks import with_shapes
    from eisnn.training.allocator import keep_freed_memory
    from eisnn.training.fit import training_step

    keep_freed_memory()
    torch.set_num_threads(threads)
    given = load_config(config)
    published = DATASETS[given.data.name]
    shape, classes = published.shape, published.classes
    model = build_model(with_shapes(given, shape, classes))
    torch.manual_seed(0)
    x, y = (
        torch.rand(given.train.batch_size, *shape),
        torch.randint(classes, (given.train.batch_size,)),
    )
    initialize(model, x, seed=0)
    optimizer = build_optimizer(model, given.train)
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            training_step(model, optimizer, x, y)
        print(time.process_time() - start, flush=True)


def table(report: dict[str, dict[str, dict[str, Any]]]) -> str:
    def ratio(values: list[float]) -> str:
        return f"{values[1]:.2f} [{values[0]:.2f}, {values[2]:.2f}]"

    lines = [
        "| network | trials x threads | steps/s | pace | CPU ms/step | CPU |",
        "|---|---|---|---|---|---|",
    ]
    for config, ways in report.items():
        for name, row in ways.items():
            cells = [
                config,
                name,
                f"{row['steps_per_second']:.1f}",
                ratio(row["pace"]),
                f"{row['cpu_ms_per_step']:.1f}",
                ratio(row["cpu"]),
            ]
            lines.append("| " + " | ".join(cells) + " |")
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
    print(json.dumps(report) if options.json else table(report))


if __name__ == "__main__":
    main()

"""Measures what the harness costs around the training steps.

    python -m benchmarks.study [--trials 100 --json]

help              seconds of `run_study.py --help`
plan              seconds until `--dry-run` of a study of 10,000 trials has shown the plan
dry run           seconds of all of it, with the disk that it needs and what the design can show
dry run MB        the driver's peak resident memory
first trial       seconds from the command until a worker has begun the first trial
first epoch       seconds from the command until the first trial's first epoch is on disk
trial             seconds from one trial's beginning to the next's, less the seconds of its epochs,
                  with reused workers and one trial at a time
end               seconds from the last trial's end to the command's
driver MB         the driver's peak resident memory in that study
report            milliseconds that an epoch's report and checkpoint take in a trial
checkpoint        milliseconds of that checkpoint alone: written, synced, renamed
checkpoint MB     its size: a VGG-8 at a quarter of the width
raw write         milliseconds to write and sync as many bytes plainly, which is the disk's part
first kernel      seconds to build the C++ kernels, once per machine and user
import kernels    seconds to load them afterwards
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.crash import memory_mb

HOME = Path(__file__).parent.parent
RUN = [sys.executable, "run_study.py"]
STUDY = """
name: harness
base: {base}
metric: {{name: val/accuracy, mode: max}}
replicate: {{seeds: {seeds}, first_seed: 1}}
resources: {{cpu: 1, gpu: auto}}
"""
LARGE = """
parameters: {train.learning_rate: {type: float, low: 1.0e-3, high: 1.0e-1, log: true}}
search: {trials: 900}
ablation: {factors: {a: {circuit.subtractive: false}, b: {circuit.divisive: false}, c: {circuit.prop.stabiliser: none}}, design: factorial}
baselines: {bn: {model.norm: bn}, gn: {model.norm: gn}}
"""  # noqa: E501
TRIAL = """
model: {arch: MLP, layers: 2, T: 2, width: 0.1}
data: {name: digits, train_size: 100}
train: {epochs: 1, batch_size: 50, learning_rate: 0.01, warmup_epochs: 0}
"""


# Called with the seconds since a command's start and the bytes that it has written to the terminal.
Look = Callable[[float, int], Any]


def watched(command: list[str], look: Look = lambda now, written: None) -> tuple[float, float]:
    """Returns the seconds of a command and its own peak resident memory in MB. Calls ``look``
    meanwhile."""
    with tempfile.TemporaryFile() as output:
        start, peak = time.perf_counter(), 0.0
        process = subprocess.Popen(command, cwd=HOME, stdout=output, stderr=output)
        while process.poll() is None:
            peak = max(peak, memory_mb(process.pid, "VmHWM", "status"))
            look(time.perf_counter() - start, os.fstat(output.fileno()).st_size)
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            output.seek(0)
            raise RuntimeError(
                f"{' '.join(command)} ended with"
                f" {process.returncode}:\n{output.read().decode()[-3000:]}"
            )
    return seconds, peak


def command_of(folder: Path, text: str, seeds: int) -> list[str]:
    (folder / "trial.yaml").write_text(TRIAL)
    (folder / "study.yaml").write_text(STUDY.format(base=folder / "trial.yaml", seeds=seeds) + text)
    return [*RUN, "--space", str(folder / "study.yaml"), "--results", str(folder)]


def of_a_plan(folder: Path) -> tuple[float, float, float]:
    shown: list[float] = []

    def look(now: float, written: int) -> None:
        if written and not shown:
            shown.append(now)

    seconds, peak = watched([*command_of(folder, LARGE, 100), "--dry-run"], look)
    return shown[0], seconds, peak


def of_a_study(folder: Path, trials: int) -> dict[str, float]:
    """Measures a study of replicates that train for milliseconds, one at a time."""
    begun: dict[str, float] = {}
    first_epoch: list[float] = []

    def look(now: float, written: int) -> None:
        for path in (folder / "harness" / "trials").glob("*/state.json"):
            begun.setdefault(path.parent.name, now)
        if begun and not first_epoch and any((folder / "harness" / "trials").glob("*/history.csv")):
            first_epoch.append(now)

    total, driver = watched([*command_of(folder, "", trials), "--max-concurrent", "1"], look)
    rows = list(csv.DictReader((folder / "harness" / "trials.csv").open()))
    assert [row["state"] for row in rows] == ["completed"] * trials, rows
    training = {row["id"]: float(row["seconds_per_epoch"]) * int(row["epochs"]) for row in rows}
    order = sorted(begun, key=lambda name: begun[name])
    # The first trial is left out, since it loads the data.
    between = [begun[b] - begun[a] - training[a] for a, b in itertools.pairwise(order[1:])]
    last = begun[order[-1]] + training[order[-1]] + statistics.median(between)
    return {
        "first trial": begun[order[0]], "first epoch": first_epoch[0],
        "trial": statistics.median(between), "end": total - last,
        "driver MB": driver,
    }  # fmt: skip


def of_a_checkpoint(folder: Path, rounds: int = 30) -> dict[str, float]:
    import torch

    from benchmarks.nets import config_of
    from eisnn import build_model, build_optimizer
    from eisnn.checkpoints.checkpoint import save_checkpoint
    from eisnn.config.sections.train import TrainConfig
    from study.worker.trial import _History

    torch.set_num_threads(1)
    model = build_model(config_of("VGG", 8, width=0.25))
    optimizer = build_optimizer(model, TrainConfig())
    for p in model.parameters():
        p.grad = p.detach().clone()
    optimizer.step()
    path, history = folder / "checkpoint.pt", _History(folder, lambda row: None)
    times: dict[str, list[float]] = {"report": [], "checkpoint": [], "raw write": []}
    for epoch in range(1, rounds + 1):
        start = time.perf_counter()
        save_checkpoint(path, {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
        saved = time.perf_counter()
        history.add(
            {
                "epoch": epoch,
                "train/loss": 1 / epoch,
                "val/accuracy": 0.5,
                "val/loss": 1.0,
                "seconds": 1.0,
            }
        )
        reported = time.perf_counter()
        with open(folder / "raw", "wb") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        times["raw write"].append(time.perf_counter() - reported)
        times["checkpoint"].append(saved - start)
        times["report"].append(reported - start)
    return {name: 1e3 * statistics.median(taken) for name, taken in times.items()} | {
        "checkpoint MB": path.stat().st_size / 2**20
    }


def of_the_kernels(folder: Path) -> dict[str, float]:
    load = (
        "import time, torch; from eisnn.kernels.cpu import build; t = time.time(); assert"
        " build.why_unavailable() is None; print(time.time() - t)"
    )
    environment = {**os.environ, "EISNN_CACHE": str(folder)}
    command = [sys.executable, "-c", load]
    return {
        name: float(
            subprocess.run(
                command, cwd=HOME, env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
        for name in ("first kernel", "import kernels")
    }


def measure(trials: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures = {"help": watched([*RUN, "--help"])[0]}
        figures["plan"], figures["dry run"], figures["dry run MB"] = of_a_plan(folder)
        warm = folder / "warm"  # kernels, byte code, the page cache
        warm.mkdir()
        watched(command_of(warm, "", 1))
        return (
            figures | of_a_study(folder, trials) | of_a_checkpoint(folder) | of_the_kernels(folder)
        )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = measure(options.trials)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:16s} {value:8.3g}")


if __name__ == "__main__":
    main()

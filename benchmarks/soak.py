"""Runs hundreds of tiny trials through two workers and watches what grows: memory, open files, the
temporary folder.

    python -m benchmarks.soak --minutes 20 [--png soak.png]

Ends with 1 if something grows beyond its bound. A tiny trial takes about a second, and 100 of them
leave as much behind as 100 trials of any length: the harness keeps things per trial and per epoch,
not per second.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

from benchmarks.crash import ROOT, descendants, kill_tree, memory_mb

TRIAL = """
model: {arch: MLP, layers: 2, T: 2, width: 0.1}
data: {name: digits, train_size: 100}
train: {epochs: 2, batch_size: 50, learning_rate: 0.01, warmup_epochs: 0}
"""
STUDY = """
name: soak
base: trial.yaml
parameters: {train.learning_rate: {type: float, low: 1.0e-3, high: 1.0e-1, log: true}}
search: {sampler: random, trials: 5000}
baselines: {bn: {model.norm: bn}}
replicate: {seeds: 1}
"""
# What may be added per 100 trials once the first fifth has passed. The driver's bound allows 500 MB
# after 10,000 trials, as it starts with 250.
BOUNDS = {
    "driver MB": 2.5,
    "worker MB": 1.0,
    "Ray MB": 2.5,
    "driver files": 1.0,
    "worker files": 1.0,
    "temporary MB": 1.0,
    "shared memory MB": 1.0,
}


def own_mb(pid: int) -> float:
    """Returns a process's own memory, without pages that it shares with others."""
    return memory_mb(pid, "Pss_Anon")


def files(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def folder_mb(folder: Path) -> float:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total / 2**20


def sample(driver: int, temporary: Path, results: Path) -> dict[str, float]:
    below = descendants(driver)
    workers = [pid for pid, command in below if command.startswith("ray::ImplicitFunc")]
    others = [pid for pid, _ in below if pid not in workers]
    return {
        "trials": sum(1 for _ in (results / "trials").glob("*/state.json")),
        "driver MB": own_mb(driver),
        "worker MB": max(map(own_mb, workers), default=0.0),
        "workers": len(workers),
        "Ray MB": sum(map(own_mb, others)),
        "driver files": files(driver),
        "worker files": max(map(files, workers), default=0),
        "temporary MB": folder_mb(temporary),
        "shared memory MB": sum(memory_mb(pid, "Pss_Shmem") for pid, _ in [(driver, ""), *below]),
    }


def watch(minutes: float, every: float) -> tuple[list[dict[str, float]], list[str]]:
    """Returns the samples of a study that runs for ``minutes``, and what it left behind when it was
    interrupted."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        (folder / "trial.yaml").write_text(TRIAL)
        (folder / "study.yaml").write_text(STUDY)
        (folder / "tmp").mkdir()
        command = [
            sys.executable,
            str(ROOT / "run_study.py"),
            "--space",
            str(folder / "study.yaml"),
            "--results",
            str(folder / "results"),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")}
        with open(folder / "output.txt", "wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        samples = []
        try:
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                time.sleep(every)
                if process.poll() is not None:
                    raise RuntimeError(
                        "the study ended with"
                        f" {process.returncode}:\n{(folder / 'output.txt').read_text()[-2000:]}"
                    )
                samples.append(sample(process.pid, folder / "tmp", folder / "results" / "soak"))
            started = [pid for pid, _ in descendants(process.pid)]
            process.send_signal(signal.SIGINT)
            code = process.wait(120)
            time.sleep(5.0)
            left = [f"exit code {code}"] if code != 130 else []
            left += [f"process {pid}" for pid in started if Path(f"/proc/{pid}").exists()]
            return samples, left + [
                f"temporary folder {path.name}" for path in (folder / "tmp").iterdir()
            ]
        finally:
            kill_tree(process)


def slope(samples: list[dict[str, float]], name: str) -> float:
    """Returns what is added per 100 trials: Theil and Sen's slope, the median over pairs of
    samples, which a single peak does not move."""
    points = [(one["trials"], one[name]) for one in samples]
    some = points[:: max(1, len(points) // 200)]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(some, 2) if b[0] > a[0]]
    return 100 * statistics.median(slopes)


def draw(samples: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(BOUNDS), 1, figsize=(7, 1.6 * len(BOUNDS)), sharex=True, layout="constrained"
    )
    for axis, name in zip(axes, BOUNDS, strict=True):
        axis.plot([one["trials"] for one in samples], [one[name] for one in samples], lw=1)
        axis.set_ylabel(name, fontsize=7)
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("trials begun")
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between samples")
    parser.add_argument("--png", type=Path)
    options = parser.parse_args(arguments)
    samples, left = watch(min(options.minutes, 20.0), options.every)
    settled = [
        one for one in samples if one["trials"] >= samples[-1]["trials"] / 5 and one["workers"]
    ]
    print(
        f"{samples[-1]['trials']:.0f} trials in {options.minutes:g} minutes; per 100 trials after"
        f" the first {settled[0]['trials']:.0f}:"
    )
    shown = [settled[round(i * (len(settled) - 1) / 5)] for i in range(6)]
    cells = "".join(f"{one['trials']:9.0f}" for one in shown)
    print(f"{'trials':18s}{cells}{'slope':>9s}{'bound':>8s}")
    broken = left
    for name, bound in BOUNDS.items():
        grows = slope(settled, name)
        cells = "".join(f"{one[name]:9.1f}" for one in shown)
        print(f"{name:18s}{cells}{grows:9.2f}{bound:8.2f}")
        if grows > bound:
            broken = [*broken, f"{name} grows by {grows:.2f} per 100 trials, over {bound}"]
    if options.png:
        draw(samples, options.png)
    print("\n".join(broken) or "nothing grows beyond its bound, and nothing was left behind")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

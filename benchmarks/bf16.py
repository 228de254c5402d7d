"""Does train.precision: bf16 reach the accuracy of float32? Paired by seed, on Fashion-MNIST.

    python -m benchmarks.bf16 [--net MLP-4,VGG-8 --rates 0.01,0.02 --seeds 5 --images 6400 --epochs 4]

Each pair is the same config and seed, trained once in each precision with one thread; a run that
ends early (silent, not finite) counts as chance, 10 %, and is marked. Prints every pair, then mean
and 95 % interval (Student's t) of the differences in test accuracy. VGG is a quarter as wide. About
15 minutes of one core's time; needs Fashion-MNIST (Debian: dataset-fashion-mnist).
"""  # noqa: E501

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import click
import torch
from scipy import stats

from eisnn.config.trial import make_config
from eisnn.errors import Diverged
from eisnn.training.allocator import keep_freed_memory
from eisnn.training.fit import fit

CHANCE = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    accuracy: float  # on the test set, with the last weights; chance if it ended early
    ended_early: bool
    seconds: float  # of the CPU


def train(net: str, rate: float, seed: int, precision: str, images: int, epochs: int) -> Outcome:
    """Trains one network, and measures it."""
    arch, layers = net.split("-")
    config = make_config(
        {
            "seed": seed,
            "model": {
                "arch": arch,
                "layers": int(layers),
                "T": 4,
                "width": 0.25 if arch == "VGG" else 1.0,
            },
            "data": {
                "name": "fashion_mnist",
                "train_size": round(images / 0.9),
                "validation_fraction": 0.1,
            },
            "train": {
                "epochs": epochs,
                "learning_rate": rate,
                "weight_decay": 5e-4,
                "precision": precision,
            },
        }
    )
    start = time.process_time()
    accuracy, ended_early = CHANCE, False
    try:
        accuracy = fit(config, test=True, device="cpu")["test/accuracy"]
    except Diverged:
        ended_early = True
    return Outcome(accuracy, ended_early, time.process_time() - start)


def interval(differences: list[float]) -> str:
    """Returns the mean and its 95 % interval (Student's t)."""
    n, mean = len(differences), statistics.mean(differences)
    if n < 2:
        return f"{mean:+.1f} (one pair)"
    half = stats.t.ppf(0.975, n - 1) * statistics.stdev(differences) / n**0.5
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}] points, n = {n}"


@click.command(help=__doc__.splitlines()[0])
@click.option("--net", default="MLP-4,VGG-8")
@click.option("--rates", default="0.01,0.02")
@click.option("--seeds", default=5)
@click.option("--images", default=6400)
@click.option("--epochs", default=4)
def main(net: str, rates: str, seeds: int, images: int, epochs: int) -> None:
    keep_freed_memory()
    torch.set_num_threads(1)
    for name in net.split(","):
        for rate in map(float, rates.split(",")):
            differences, ratios = [], []
            for seed in range(seeds):
                line = f"{name} lr {rate:g} seed {seed}:"
                whole = train(name, rate, seed, "float32", images, epochs)
                half = train(name, rate, seed, "bf16", images, epochs)
                differences.append(100 * (half.accuracy - whole.accuracy))
                ratios.append(half.seconds / whole.seconds)
                line += f" {100 * whole.accuracy:.1f} -> {100 * half.accuracy:.1f} %"
                if whole.ended_early:
                    line += " (float32 ended early)"
                if half.ended_early:
                    line += " (bf16 ended early)"
                print(line, flush=True)
            print(
                f"{name} lr {rate:g}: {interval(differences)}; bf16 takes"
                f" {statistics.median(ratios):.2f} of the CPU time",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Shows where a training step's time goes: maps, circuits, cells, optimiser, data, the rest.

    python -m benchmarks.profile [--arch VGG --layers 8 --batch 64 --threads 1 --steps 5 --only
    ours,readable,floor]

An operation belongs to the share of the outermost known name above it (a product inside the circuit
kernel is the circuit's). "circuits" is the kernel, with integration and cells in one, and for a
fully connected layer the map too; on the readable path, integration is in "the rest". "data" is the
augmentation of a CIFAR-10 batch from uint8 images, which other benchmarks leave out. Shares are of
the profiled time.
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

import torch
from torch.autograd import profiler

from benchmarks.nets import make_step, names
from eisnn.data.transforms import augment
from eisnn.training.allocator import keep_freed_memory

# share: parts of its operations' names
SHARES = {
    "circuits": ("eisnn::circuit", "CircuitSpikes", "CircuitLayer", "eisnn_circuit"),
    "cells": ("_LIF", "LIFNode", "Leaky"),
    "optimiser": ("Optimizer.",),
    "data": ("augmentation",),
    "maps": (
        "conv",
        "aten::mm",
        "aten::addmm",
        "aten::linear",
        "MmBackward",
        "AddmmBackward",
    ),
    "joining weights": ("aten::cat",),
}


def share_of(event: Any) -> str:
    """Returns the share of the outermost event around this one that has one."""
    found = "the rest"
    while event is not None:
        for share, parts in SHARES.items():
            if any(part in event.name for part in parts):
                found = share
                break
        event = event.cpu_parent
    return found


def shares(step: Any, steps: int, batch: int) -> dict[str, float]:
    """Returns the milliseconds of a step by share."""
    images = torch.randint(256, (batch, 3, 32, 32), dtype=torch.uint8) / 255
    step()
    with profiler.profile() as profile:
        for seed in range(steps):
            with profiler.record_function("augmentation"):
                augment("cifar10", images, torch.Generator().manual_seed(seed))
            step()
    spent: Counter[str] = Counter()
    for event in profile.function_events:
        spent[share_of(event)] += event.self_cpu_time_total / 1e3 / steps
    return dict(spent.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", default="VGG")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--T", type=int, default=4)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--only",
        default="ours,readable,bn",
        help="variants, separated by commas; of: " + ", ".join(names()),
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    for name in options.only.split(","):
        shape = {} if name == "floor" else {"width": options.width}
        spent = shares(
            make_step(name, options.arch, options.layers, options.batch, options.T, **shape),
            options.steps,
            options.batch,
        )
        total = sum(spent.values())
        parts = ", ".join(f"{share} {value / total:.0%}" for share, value in spent.items())
        print(
            f"{name}, {options.arch}-{options.layers}, batch {options.batch}: "
            f"{total:.1f} ms: {parts}",
            flush=True,
        )


if __name__ == "__main__":
    main()

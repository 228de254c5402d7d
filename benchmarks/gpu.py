"""Measures what eisnn does on a GPU, in under eight minutes: ``python -m benchmarks.gpu``.

It needs only torch, triton, numpy and pydantic, and prints one JSON line per finding, then a table
for benchmarks/README.md. ``--fake`` runs the same sections on the CPU with tiny networks: the
numbers mean nothing, but they test the script. A section that fails says so, and the next one runs.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.nets import Floor, Spikingjelly, plain
from eisnn import build_model, build_optimizer, initialize, make_config
from eisnn.checkpoints.checkpoint import save_checkpoint
from eisnn.data.batches import Split, batches
from eisnn.data.transforms import augment
from eisnn.kernels.choose import path
from eisnn.training.evaluation import evaluate
from eisnn.training.graph import DeviceSteps
from eisnn.training.losses import CROSS_ENTROPY
from eisnn.training.steps import Step, training_step

Row = dict[str, Any]


@dataclass(frozen=True)
class Net:
    """A network of the paper's and a batch of images for it."""

    arch: str
    layers: int
    size: int
    batch: int
    width: float = 1.0
    channels: int = 3

    @property
    def name(self) -> str:
        return f"{self.arch}-{self.layers}, batch {self.batch}"


REAL = (
    Net("MLP", 12, 28, 128, channels=1),
    Net("VGG", 8, 32, 128),
    Net("ResNet", 18, 32, 128),
)
TINY = (Net("MLP", 2, 4, 4, 0.1), Net("VGG", 4, 8, 4, 0.1))
VARIANTS = ("readable", "kernel", "graph", "bn", "floor", "spikingjelly")


class Machine:
    """The device, how long the benchmark may still take, and what it measures."""

    def __init__(self, fake: bool, seconds: float) -> None:
        self.fake = fake
        self.device = torch.device("cpu" if fake else "cuda")
        self.end = time.monotonic() + seconds
        self.nets = TINY if fake else REAL

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    def wait(self) -> None:
        if not self.fake:
            torch.cuda.synchronize()

    def images(self, net: Net, count: int) -> Split:
        """Random images and labels, on the device."""
        shape = (count, net.channels, net.size, net.size)
        draw = torch.Generator().manual_seed(0)
        stored = torch.randint(256, shape, generator=draw, dtype=torch.uint8)
        labels = torch.randint(10, (count,), generator=draw)
        return Split(stored.to(self.device), labels.to(self.device), 1 / 255)

    def milliseconds(self, step: Callable[[], Any], seconds: float = 3.0) -> float:
        """Returns the median time of a step, waiting for the device after each."""
        for _ in range(1 if self.fake else 3):
            step()
        self.wait()
        taken: list[float] = []
        end = time.monotonic() + (0.0 if self.fake else seconds)
        while len(taken) < 5 or (time.monotonic() < end and len(taken) < 200):
            begin = time.perf_counter()
            step()
            self.wait()
            taken.append(1e3 * (time.perf_counter() - begin))
        return statistics.median(taken)


def config_of(net: Net, norm: str = "ei") -> Any:
    model = {
        "arch": net.arch,
        "layers": net.layers,
        "norm": norm,
        "width": net.width,
        "input_shape": [net.channels, net.size, net.size],
        "classes": 10,
    }
    train = {"learning_rate": 1e-4, "batch_size": net.batch}
    return make_config({"model": model, "data": {"name": "cifar10"}, "train": train})


def network_and_step(machine: Machine, net: Net, variant: str) -> tuple[Any, Step]:
    """Returns a variant of a network with its optimiser, on the device."""
    x, _ = next(batches(machine.images(net, net.batch), net.batch))
    config = config_of(net, "bn" if variant == "bn" else "ei")
    model: Any
    if variant == "floor":
        model = Floor(net.arch, net.layers, 4, (net.channels, net.size, net.size))
        model = model.to(machine.device)
        optimizer: Any = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    else:
        model = build_model(config)
        initialize(model, x.cpu(), seed=0)
        if variant in ("readable", "spikingjelly"):
            model = plain(model, Spikingjelly if variant == "spikingjelly" else None)
        model = model.to(machine.device)
        optimizer = build_optimizer(model, config.train)
    model.train()
    return model, Step(model, optimizer, CROSS_ENTROPY, config.data, torch.float32)


def on_fixed_batch(machine: Machine, net: Net, step: Step) -> Callable[[], Any]:
    """Returns the step on one batch, without augmentation."""
    x, y = next(batches(machine.images(net, net.batch), net.batch))
    return lambda: training_step(step.network, step.optimizer, x, y)


def replayed(machine: Machine, net: Net, step: Step) -> Callable[[], Any]:
    """Returns the step as training captures it: gather, augmentation, update in one CUDA graph."""
    split = machine.images(net, 4 * net.batch)
    steps = DeviceSteps(step, split, net.batch, torch.Generator(machine.device))
    order = torch.arange(len(split), device=machine.device)
    plain_step = on_fixed_batch(machine, net, step)
    for _ in range(3):  # the optimiser's buffers exist before capture
        plain_step()
    if not machine.fake:
        steps.capture()

    def run() -> None:
        steps.place.zero_()
        steps.run(1)

    steps.begin(order, [1e-4] * 4, 0)
    return run


# ---- sections: each yields rows ----


def environment(machine: Machine) -> Iterator[Row]:
    """Says what was measured on."""
    row: Row = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if not machine.fake:
        properties = torch.cuda.get_device_properties(machine.device)
        row |= {"card": properties.name, "memory_gb": properties.total_memory / 2**30}
    yield {**row, "layers": path(config_of(machine.nets[0]), machine.device.type)}


def correctness(machine: Machine) -> Iterator[Row]:
    """Compares logits and gradients with the readable path on the CPU in float64."""
    for net in machine.nets[:2]:
        x, y = (part.cpu() for part in next(batches(machine.images(net, 16), 16)))
        exact = plain(build_model(config_of(net)))
        initialize(exact, x, seed=0)
        start = copy.deepcopy(exact.state_dict())
        exact.double()
        wanted = gradients(exact, x.double(), y)
        for variant in ("readable", "kernel"):
            model, _ = network_and_step(machine, net, variant)
            model.load_state_dict(start)
            got = gradients(model, x.to(machine.device), y.to(machine.device))
            yield {
                "net": net.name,
                "variant": variant,
                "logits_apart": distance(got[:1], wanted[:1]),
                "gradients_apart": distance(got[1:], wanted[1:]),
            }


def gradients(model: Any, x: Tensor, y: Tensor) -> list[Tensor]:
    """Returns the logits, then the gradient of every parameter."""
    logits = model(x)
    found = torch.autograd.grad(F.cross_entropy(logits, y), list(model.parameters()))
    return [logits.detach(), *found]


def distance(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """Returns the relative distance of two lists of tensors, in the 2-norm."""
    pairs = list(zip(ours, theirs, strict=True))
    apart = sum((a.double().cpu() - b.double().cpu()).square().sum() for a, b in pairs)
    size = sum(b.double().square().sum() for _, b in pairs)
    return float(torch.as_tensor(apart / size).sqrt())


def waits(machine: Machine) -> Iterator[Row]:
    """Says whether a whole step, augmentation included, waits for the device."""
    for net in machine.nets:
        _, step = network_and_step(machine, net, "kernel")
        rng = torch.Generator(machine.device)
        x, y = next(batches(machine.images(net, net.batch), net.batch))
        step(x, y, rng)  # the first compiles
        machine.wait()
        waited = None
        with contextlib.ExitStack() as stack:
            if not machine.fake:
                torch.cuda.set_sync_debug_mode("error")
                stack.callback(torch.cuda.set_sync_debug_mode, "default")
            try:
                step(x, y, rng)
            except RuntimeError as error:
                waited = str(error).splitlines()[0]
        yield {"net": net.name, "waits": waited or "none"}


def steps(machine: Machine) -> Iterator[Row]:
    """Measures milliseconds, kernel launches and peak memory of a training step."""
    for net in machine.nets:
        for variant in VARIANTS:
            if variant == "spikingjelly" and importlib.util.find_spec(variant) is None:
                continue
            if machine.left < 60:
                return
            row: Row = {"net": net.name, "variant": variant}
            try:
                yield row | measured_step(machine, net, variant)
            except Exception as error:  # a variant that fails must not hide the others
                yield row | {"error": f"{type(error).__name__}: {error}"[:200]}


def measured_step(machine: Machine, net: Net, variant: str) -> Row:
    model, step = network_and_step(machine, net, variant)
    run = (replayed if variant == "graph" else on_fixed_batch)(machine, net, step)
    if not machine.fake:
        torch.cuda.reset_peak_memory_stats()
    row: Row = {"ms": machine.milliseconds(run)}
    if not machine.fake:
        row["peak_mb"] = torch.cuda.max_memory_allocated() / 2**20
        if variant != "graph":
            row["launches"] = launches(run)
    del model
    return row


def launches(run: Callable[[], Any]) -> int:
    """Returns how many kernels a step starts."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as record:
        run()
        torch.cuda.synchronize()
    return sum(str(event.device_type).endswith("CUDA") for event in record.events())


def trials(machine: Machine) -> Iterator[Row]:
    """Measures the steps per second of processes side by side, without MPS and with it."""
    control = shutil.which("nvidia-cuda-mps-control")
    for with_mps in (False, True):
        if with_mps and (control is None or machine.fake):
            yield {"mps": True, "skipped": "no nvidia-cuda-mps-control"}
            return
        service: contextlib.AbstractContextManager[dict[str, str]]
        service = contextlib.nullcontext(dict(os.environ))
        if with_mps:
            service = mps(control)
        with service as variables:
            for count in (1, 2) if machine.fake else (1, 4, 8):
                if machine.left < 60:
                    return
                yield {"mps": with_mps, "processes": count} | pace(machine, count, variables)


@contextlib.contextmanager
def mps(control: str | None) -> Iterator[dict[str, str]]:
    """Runs NVIDIA's multi-process service, in folders of its own, and ends it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
        variables = {**os.environ, **dict.fromkeys(names, folder)}
        subprocess.run([str(control), "-d"], env=variables, check=True, timeout=30)
        try:
            yield variables
        finally:
            subprocess.run(
                [str(control)], input="quit\n", text=True, env=variables, check=False, timeout=60
            )


def pace(machine: Machine, count: int, variables: dict[str, str]) -> Row:
    """Starts ``count`` processes that train the first network at the same time, for seconds."""
    begin = time.time() + (8 if machine.fake else 20)
    command = [sys.executable, "-m", "benchmarks.gpu", "--worker", str(begin)]
    command += ["--fake"] if machine.fake else []
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
        for _ in range(count)
    ]
    paces = [float(process.communicate(timeout=120)[0] or 0) for process in started]
    return {"steps_per_s": sum(paces), "ended": sum(pace > 0 for pace in paces)}


def worker(machine: Machine, begin: float) -> None:
    """Prints how many steps per second this process trains, from ``begin`` on."""
    net = machine.nets[0]
    _, step = network_and_step(machine, net, "kernel")
    run = on_fixed_batch(machine, net, step)
    run()
    time.sleep(max(0.0, begin - time.time()))
    count, end = 0, time.monotonic() + (0.5 if machine.fake else 5.0)
    while time.monotonic() < end:
        run()
        machine.wait()
        count += 1
    print(count / (0.5 if machine.fake else 5.0))


def data(machine: Machine) -> Iterator[Row]:
    """Times augmentation, evaluation and checkpoints of the second network."""
    net = machine.nets[1]
    split = machine.images(net, 4 * net.batch)
    x, _ = next(batches(split, net.batch))
    rng = torch.Generator(machine.device)
    yield {
        "what": "augmentation (cifar10)",
        "ms": machine.milliseconds(lambda: augment("cifar10", x, rng)),
    }
    model, step = network_and_step(machine, net, "kernel")
    on_fixed_batch(machine, net, step)()
    per_image = machine.milliseconds(lambda: evaluate(model, split)) / len(split)
    yield {"what": f"evaluation, {net.name}, per 1000 images", "ms": 1000 * per_image}
    state = {"model": model.state_dict(), "optimizer": step.optimizer.state_dict()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.pt"
        taken = machine.milliseconds(lambda: save_checkpoint(file, state), 2.0)
        yield {"what": f"checkpoint, {file.stat().st_size / 1e6:.1f} MB", "ms": taken}


SECTIONS: dict[str, Callable[[Machine], Iterator[Row]]] = {
    "environment": environment,
    "correctness": correctness,
    "waits": waits,
    "steps": steps,
    "trials": trials,
    "data": data,
}


def table(rows: list[Row]) -> str:
    """Returns a Markdown table of a section's rows."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [shown(row.get(name, "")) for name in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Runs the sections, the most useful first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=460)
    parser.add_argument("--only", nargs="*", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--fake", action="store_true", help="on the CPU, with tiny networks")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.fake and not torch.cuda.is_available():
        sys.exit("torch finds no GPU here; --fake runs the same sections on the CPU")
    if given.fake:
        torch.set_num_threads(1)
    machine = Machine(given.fake, given.seconds)
    if given.worker is not None:
        worker(machine, given.worker)
        return
    tables: list[str] = []
    for name in given.only:
        rows: list[Row] = []
        try:
            for row in SECTIONS[name](machine):
                rows.append(row)
                print(json.dumps({"section": name, **row}), flush=True)
        except Exception as error:
            rows.append({"error": f"{type(error).__name__}: {error}"[:200]})
            print(json.dumps({"section": name, **rows[-1]}), flush=True)
        tables.append(f"### {name}\n\n{table(rows)}")
    print("\n" + "\n\n".join(tables))


if __name__ == "__main__":
    main()

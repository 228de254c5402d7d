"""The whole training step as one CUDA graph: gather, augmentation, forward, backward, update.

A captured step can read nothing from the host. Its place in the epoch, the images' order and the
learning rates therefore lie on the device, and the sums of loss and correct answers stay there.
`DeviceSteps.once` is captured. The tests compare it with the plain loop on a CPU; the capture
itself has never run, as no machine with a GPU was at hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from eisnn.data.batches import Split
from eisnn.training.steps import Step

RATES = {"cpu": torch.float64, "cuda": torch.float32}  # what torch's fused updates read


class DeviceSteps:
    """Steps on full batches that read all they need from the device.

    Args:
        step: what one step does.
        split: the training images, on the device.
        rng: the augmentation's generator; it is seeded anew before every epoch.
    """

    def __init__(self, step: Step, split: Split, batch_size: int, rng: torch.Generator) -> None:
        device = split.labels.device
        self.step, self.split, self.rng = step, split, rng
        self.batch_size = batch_size
        self.order = torch.zeros(len(split), dtype=torch.int64, device=device)
        self.rates = torch.zeros(len(split), dtype=RATES[device.type], device=device)
        self.rate = torch.zeros((), dtype=RATES[device.type], device=device)
        self.place = torch.zeros(1, dtype=torch.int64, device=device)  # of the step in its epoch
        self.offsets = torch.arange(batch_size, device=device)
        self.totals = torch.zeros(2, dtype=torch.float64, device=device)
        self.graph: torch.cuda.CUDAGraph | None = None

    def begin(self, order: Tensor, rates: Sequence[float], first: int) -> None:
        """Sets the epoch's order [N] and rates, and makes step ``first`` the next one."""
        self.order.copy_(order)
        self.rates[: len(rates)] = torch.tensor(rates, dtype=self.rates.dtype)
        self.place.fill_(first)
        self.totals.zero_()

    def once(self) -> None:
        """Takes one step on the next full batch."""
        images = self.order.index_select(0, self.offsets + self.place * self.batch_size)
        rows = images
        if self.split.rows is not None:
            rows = self.split.rows.index_select(0, images)
        x = self.split.stored.index_select(0, rows).to(torch.float32).mul_(self.split.scale)
        y = self.split.labels.index_select(0, images)
        self.rate.copy_(self.rates.index_select(0, self.place)[0])
        self.totals += self.step(x, y, self.rng)
        self.place += 1

    def capture(self) -> None:
        """Records one step without computing it. The caller must have trained a few steps before.

        Raises:
            Exception: something in the step cannot be captured, such as a read of a value.
        """
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.rng)
        with self._rate_on_device(), torch.cuda.graph(graph):
            self.once()
        self.graph = graph

    def run(self, steps: int) -> Tensor:
        """Takes ``steps`` steps; returns the sums of loss and correct answers, float64 [2]."""
        if self.graph is not None:
            for _ in range(steps):
                self.graph.replay()
        else:
            with self._rate_on_device():
                for _ in range(steps):
                    self.once()
        return self.totals

    @contextlib.contextmanager
    def _rate_on_device(self) -> Iterator[None]:
        """Makes the optimiser read its rate from the device and count its steps there."""
        groups = self.step.optimizer.param_groups
        before = [(group["lr"], group.get("capturable")) for group in groups]
        self.step.set_rate(self.rate)
        for group in groups:
            if "capturable" in group and self.rate.is_cuda:
                group["capturable"] = True
        try:
            yield
        finally:
            for group, (rate, capturable) in zip(groups, before, strict=True):
                group["lr"] = rate
                if capturable is not None:
                    group["capturable"] = capturable

"""One pass over the training images, step by step, or with full batches replayed as a CUDA
graph."""

from __future__ import annotations

from collections.abc import Callable

import torch

from eisnn.config.trial import TrialConfig
from eisnn.data.batches import Split, batch_count, batches, shuffled
from eisnn.seeding import derive
from eisnn.training.graph import DeviceSteps
from eisnn.training.optimizers import learning_rate
from eisnn.training.steps import Step

EAGER_STEPS = 3  # before capture: they make the optimiser's buffers, and libraries pick algorithms
CAPTURED_OPTIMIZERS = ("sgd", "adam", "adamw")


class Epochs:
    """Trains epochs with one `Step`.

    Attributes:
        eager_because: why the steps of a run are not captured; None if they are, or may still be.
    """

    def __init__(self, config: TrialConfig, step: Step, device: torch.device) -> None:
        self.config = config
        self.step = step
        self.device = device
        self.rng = torch.Generator(device)
        self.captured: DeviceSteps | None = None
        self.eager_because = self._why_never_captured()

    def _why_never_captured(self) -> str | None:
        train = self.config.train
        if self.device.type != "cuda":
            return "on a CPU"
        if train.optimizer not in CAPTURED_OPTIMIZERS:
            return f"train.optimizer: {train.optimizer}"
        return None

    def described(self) -> str:
        """Returns how steps run, in the words of a trial's record."""
        if self.captured is not None:
            return "one CUDA graph"
        return f"one by one ({self.eager_because})"

    def train(self, split: Split, epoch: int) -> tuple[float, float]:
        """Trains epoch number ``epoch`` (from 0); returns its mean loss and accuracy."""
        config, batch_size = self.config, self.config.train.batch_size
        count = len(split.labels)
        order = shuffled(count, seed=config.seed, epoch=epoch, device=split.labels.device)
        steps = batch_count(count, batch_size)
        full = min(steps, count // batch_size)
        if count - (steps - 1) * batch_size > batch_size:
            full = steps - 1  # the last batch has one image more
        rates = [learning_rate(config.train, epoch * steps + i, steps) for i in range(steps)]
        self.rng.manual_seed(derive(config.seed, "augment", epoch))
        if config.model.own_layers or config.model.dropout:  # other layers draw nothing
            torch.manual_seed(derive(config.seed, "forward", epoch))
        totals = torch.zeros(2, dtype=torch.float64, device=split.labels.device)

        def eagerly(first: int, end: int) -> None:
            images = order[first * batch_size : None if end == steps else end * batch_size]
            some = batches(split, batch_size, order=images, training=True)
            for rate, (x, y) in zip(rates[first:end], some, strict=True):
                self.step.set_rate(rate)
                totals.add_(self.step(x, y, self.rng))

        done = 0
        if self.eager_because is None:
            done = self._warm_up_and_capture(split, full, eagerly)
        if self.captured is not None and full > done:
            self.captured.begin(order, rates, done)
            totals += self.captured.run(full - done)
            self.step.set_rate(rates[full - 1])
            done = full
        if done < steps:
            eagerly(done, steps)
        loss_sum, correct_sum = totals.tolist()
        return loss_sum / count, correct_sum / count

    def _warm_up_and_capture(
        self, split: Split, full: int, eagerly: Callable[[int, int], None]
    ) -> int:
        """Captures the step once per run, after a few eager steps; returns how many those were."""
        if self.captured is not None:
            return 0
        if split.streamed_to is not None:
            self.eager_because = "images are streamed"
            return 0
        if full <= EAGER_STEPS:
            self.eager_because = "few batches an epoch"
            return 0
        side = torch.cuda.Stream(self.device)
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            eagerly(0, EAGER_STEPS)
        torch.cuda.current_stream(self.device).wait_stream(side)
        steps = DeviceSteps(self.step, split, self.config.train.batch_size, self.rng)
        try:
            steps.capture()
        except Exception as error:  # a step that cannot be captured still trains, one by one
            first = (str(error).splitlines() or [""])[0]
            self.eager_because = f"capture failed: {type(error).__name__}: {first}"
        else:
            self.captured = steps
        return EAGER_STEPS

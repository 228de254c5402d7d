"""When diagnostics are taken, and where they are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from eisnn.config.user_code import is_reference
from eisnn.data.batches import Split, batch_count, batches
from eisnn.diagnostics.distributions import Distributions
from eisnn.diagnostics.own import own_quantities
from eisnn.diagnostics.scalars import Probe, append_rows, probe_size
from eisnn.training.run import Run

STEPS_BETWEEN_DIAGNOSTICS = 64


def observer(
    run: Run, train: Split, level: str, folder: str | Path | None
) -> Callable[[int], None]:
    """Returns a function to call with an epoch's number, which records diagnostics in ``folder``.

    The network is observed on the first training images, always at epoch 0 and at the last epoch.
    Short epochs are skipped so that STEPS_BETWEEN_DIAGNOSTICS optimiser steps lie between two
    observations, which keeps their cost low.
    """
    if level == "off":
        return lambda epoch: None
    if folder is None:
        raise ValueError("diagnose needs diagnose_to, the folder to write to")
    home = Path(folder)
    x, y = next(batches(train, probe_size(len(train.labels))))
    x = x.to(run.dtype)
    probe = Probe(run.model, x, y, run.loss.of_evaluation)
    distributions = None
    if level == "distributions":
        distributions = Distributions(run.model, x, home / "distributions.npz")
    epochs = run.config.train.epochs
    steps = batch_count(len(train.labels), run.config.train.batch_size)
    stride = math.ceil(STEPS_BETWEEN_DIAGNOSTICS / steps)

    def observe(epoch: int) -> None:
        if epoch % stride and epoch != epochs:
            return
        own = {}
        if is_reference(level):
            own = own_quantities(level, run.model, x, y)
        append_rows(home / "diagnostics.csv", probe.measure(epoch, own))
        if distributions is not None:
            distributions.record(epoch)

    return observe

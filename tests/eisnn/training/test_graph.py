"""The step that a GPU captures, against the plain loop."""

from __future__ import annotations

import pytest
import torch

from eisnn.data.loading import load
from eisnn.networks import initialize
from eisnn.training.fit import first_batch
from eisnn.training.graph import DeviceSteps
from eisnn.training.run import Run
from tests.eisnn.training.runs import two_epochs


def network_after_an_epoch(given, *, on_device: bool) -> tuple[Run, tuple[float, float]]:
    data = load(given.data, T=given.model.T)
    run = Run(given, data, torch.device("cpu"), keep_best=False)
    initialize(run.model, first_batch(run, data.train), seed=1)
    epochs = run.epochs
    if on_device:
        step, size = epochs.step, given.train.batch_size
        epochs.eager_because = None
        epochs.captured = DeviceSteps(step, data.train, size, epochs.rng)
    return run, run.train(data.train)


@pytest.mark.parametrize(("batch_size", "full"), [(40, 6), (45, 6), (269, 0), (134, 2)])
def test_full_batches_and_the_rest(batch_size, full):
    """Of 270 images; 269 + 1 are one batch, 134 + 134 + 2 three."""
    given = two_epochs(batch_size=batch_size)
    run, sums = network_after_an_epoch(given, on_device=True)
    assert sums == pytest.approx(network_after_an_epoch(given, on_device=False)[1], rel=1e-6)
    assert run.epochs.captured.place.item() == full


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_that_read_the_device_train_as_the_plain_loop_does(optimizer):
    """270 images in batches of 40: six full batches, then 30 images."""
    given = two_epochs(optimizer=optimizer, warmup_epochs=1.0)
    plain, plain_sums = network_after_an_epoch(given, on_device=False)
    device, device_sums = network_after_an_epoch(given, on_device=True)
    assert device.epochs.captured.place.item() == 6
    assert device_sums == pytest.approx(plain_sums, rel=1e-6)
    for ours, theirs in zip(device.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    rates = [run.optimizer.param_groups[0]["lr"] for run in (plain, device)]
    assert rates[0] == rates[1]

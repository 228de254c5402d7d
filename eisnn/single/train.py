"""Trains one network in a folder, or continues there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml

from eisnn.checkpoints.checkpoint import load_checkpoint
from eisnn.config.code_digests import notes
from eisnn.config.trial import load_config, resolved, trial_id
from eisnn.data.files import data_root
from eisnn.data.loading import load_once
from eisnn.diagnostics.joules import EnergyMeter
from eisnn.errors import ConfigError
from eisnn.files import write_whole
from eisnn.history import History
from eisnn.kernels.choose import path
from eisnn.single.lines import describe, epoch_line, final_line, say
from eisnn.single.order import Order
from eisnn.single.start import put_start
from eisnn.surroundings import record_surroundings
from eisnn.training.device import pick_device
from eisnn.training.fit import fit
from eisnn.training.run import refuse_another_config, with_data


def train(order: Order) -> None:
    """Trains in a folder (config.yaml, checkpoint.pt, diagnostics if asked for), or continues it.

    Prints each epoch. Writes nothing before everything that can be refused has been accepted.
    """
    config, folder, checkpoint = order.config, order.folder, order.checkpoint
    place = pick_device(order.device)
    tree = resolved(config)
    check_before_training(order)
    for note in notes(tree):
        say(note)
    say(f"trial {trial_id(config)}: {describe(config)} -> {folder}")
    say(f"layers: {path(config, place.type)}")
    if order.weights is not None and not checkpoint.exists():
        found = put_start(config, checkpoint, order.weights, order.device)
        say(f"begins with {order.weights}, so that it is no trial of a study: {found}")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "config.yaml").exists():
        write_whole(folder / "config.yaml", yaml.safe_dump(tree, sort_keys=False).encode())
    record_surroundings(folder)
    history = History(folder)

    def report(metrics: dict[str, float]) -> None:
        say(epoch_line(metrics, config.train.epochs))
        history.add(metrics)

    begin = time.perf_counter()
    with EnergyMeter() as meter:
        final = fit(
            config,
            report=report,
            resume_from=checkpoint,
            checkpoint_to=checkpoint,
            test=True,
            device=order.device,
            say=say,
            **log_options(order.log, folder),
        )
    say(final_line(final, time.perf_counter() - begin))
    if meter.joules is not None:
        say(f"{meter.joules:,.0f} J used by the processor, for all that ran on the machine")


def check_before_training(order: Order) -> None:
    """Refuses what cannot be trained, before anything on disk is touched.

    Raises:
        ConfigError: the network does not fit the data, or the folder belongs to another run.
        CheckpointError: the checkpoint is damaged, or of another config.
    """
    config, beside = order.config, order.folder / "config.yaml"
    if order.checkpoint.exists():
        saved = load_checkpoint(order.checkpoint)
        refuse_another_config(order.checkpoint, saved["config"], config)
    elif beside.exists() and trial_id(load_config(beside)) != trial_id(config):
        raise ConfigError(f"{beside}: belongs to another run; give another --output")
    with_data(config, load_once(config.data, data_root(config.data.root), T=config.model.T))


def log_options(log: int, folder: Path) -> dict[str, Any]:
    """Returns the options of `fit` for diagnostics."""
    if not log:
        return {}
    return {"diagnose": ("scalars", "distributions")[log - 1], "diagnose_to": folder}

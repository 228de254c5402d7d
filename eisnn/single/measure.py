"""Measures saved weights, ours or the authors', and exports them."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from eisnn.checkpoints.weights import export_safetensors, load_network
from eisnn.config.trial import load_config
from eisnn.data.batches import Split, batches, to_device
from eisnn.data.loading import load
from eisnn.diagnostics.workload import measure_workload, write_workload
from eisnn.errors import ConfigError
from eisnn.networks import Network
from eisnn.single.lines import say
from eisnn.training.device import computing, pick_device
from eisnn.training.evaluation import evaluate
from eisnn.training.losses import build_loss
from eisnn.training.run import with_data

COUNTED = 64  # test images on which --workload counts operations


def measure(
    path: Path, config: str | None, export: str | None, workload: str | None, *, device: str
) -> None:
    """Prints the validation and test accuracy of saved weights, and exports them if asked to."""
    place = pick_device(device)
    for option, file in (("export", export), ("workload", workload)):
        if file is not None and not Path(file).absolute().parent.is_dir():
            raise ConfigError(f"--{option} {file}: there is no folder {Path(file).parent}")
    model = load_network(path, None if config is None else load_config(config)).to(place)
    if model.config.data.split == "authors":
        say("test set: the last 100 recordings of each class, like the authors'")
    data = load(model.config.data, T=model.T)
    with_data(model.config, data)
    dtype, loss = next(model.parameters()).dtype, build_loss(model.config)
    for name, split in (("validation", data.validation), ("test", data.test)):
        with computing(model.config.train, place):
            outcome = evaluate(model, to_device(split, place), dtype=dtype, loss=loss)
        parts = [f"loss {outcome.loss:.4f}"]
        if math.isfinite(outcome.accuracy):
            parts.insert(0, f"accuracy {outcome.accuracy:.2%}")
        if outcome.rates:
            parts.append(f"firing rate {outcome.mean_rate:.3f}")
        say(f"{name}: {', '.join(parts)}, n = {len(split)} images")
    if workload is not None:
        write_counts(model, data.test, workload, place, dtype)
    if export is not None:
        export_safetensors(model, export)
        say(f"weights and config written to {export}")


def write_counts(
    model: Network, test: Split, file: str, place: torch.device, dtype: torch.dtype
) -> None:
    """Writes what an inference costs, counted on the first test images, and prints the sums."""
    if model.config.model.own_layers:
        raise ConfigError(f"--workload {file}: cannot count the operations of your own layers")
    images, _ = next(batches(test, COUNTED))
    rows = measure_workload(model, images.to(place, dtype))
    write_workload(file, rows)
    whole = rows[-1]
    say(
        f"workload on {len(images)} images: {whole.effective_acs:,.0f} ACs, "
        f"{whole.effective_macs:,.0f} MACs, {whole.dense:,.0f} dense operations, activation "
        f"sparsity {whole.activation_sparsity:.3f}, {whole.memory_energy_nj:,.0f} nJ an image "
        f"with memory traffic -> {file}"
    )

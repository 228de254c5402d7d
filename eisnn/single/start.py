"""A run that begins with saved weights, ours or the authors', instead of drawing them.

Its checkpoint of epoch 0 holds them, so that training, resuming and diagnostics need not know.
``weights.json`` beside it says which file they came from.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from eisnn.checkpoints.weights import load_weights, put_weights
from eisnn.config.trial import TrialConfig
from eisnn.data.files import data_root
from eisnn.data.loading import load_once
from eisnn.errors import CheckpointError, ConfigError
from eisnn.files import write_whole
from eisnn.training.device import pick_device
from eisnn.training.run import Run

RECORD = "weights.json"


def digest(weights: Path) -> str:
    """Returns eight digits that name a file's content.

    Raises:
        CheckpointError: there is no such file.
    """
    if not weights.is_file():
        raise CheckpointError(f"{weights}: there is no such file")
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:8]


def check_start(folder: Path, weights: Path | None) -> None:
    """Refuses to continue in a folder whose run began with other weights.

    Raises:
        ConfigError: it began with drawn weights, or with those of another file.
    """
    record = folder / RECORD
    began: str | None = None
    asked: str | None = None
    if record.exists():
        began = json.loads(record.read_text())["sha256"]
    if weights is not None:
        asked = digest(weights)
    is_begun = record.exists() or (folder / "checkpoint.pt").exists()
    if is_begun and asked != began:
        how = "weights of its own" if began is None else f"the weights {began}"
        raise ConfigError(f"{folder}: holds a run that began with {how}; give another --output")


def put_start(config: TrialConfig, checkpoint: Path, weights: Path, device: str) -> str:
    """Writes the checkpoint of epoch 0, with an optimiser that has taken no step.

    Returns:
        What was loaded, and what was left out or changed.

    Raises:
        CheckpointError: the weights cannot be read, or do not fit the network.
    """
    data = load_once(config.data, data_root(config.data.root), T=config.model.T)
    run = Run(config, data, pick_device(device), keep_best=True)
    try:
        report = put_weights(run.model, load_weights(weights).tensors)
    except CheckpointError as error:
        if str(error).startswith(str(weights)):
            raise
        raise CheckpointError(f"{weights}: {error}") from None
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    told = {"file": str(weights.absolute()), "sha256": digest(weights)}
    write_whole(checkpoint.parent / RECORD, json.dumps(told).encode())
    run.save(checkpoint)
    return str(report)

"""A config and a study small enough to train in seconds, and the command line called in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

import run_study

BASE: dict[str, Any] = {
    "model": {"arch": "MLP", "layers": 4, "norm": "ei", "T": 2, "width": 0.05},
    "data": {"name": "digits", "train_size": 200, "test_size": 100, "validation_fraction": 0.2},
    "train": {"epochs": 2, "batch_size": 64, "learning_rate": 0.01},
}
THREE_EPOCHS = {**BASE, "train": {**BASE["train"], "epochs": 3}}
STUDY: dict[str, Any] = {
    "name": "cli",
    "base": "base.yaml",
    "parameters": {"train.learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True}},
    "search": {"trials": 2},
    "baselines": {"bn": {"model.norm": "bn"}},
    "replicate": {"seeds": 2},
}


def write(folder: Path, study: dict[str, Any], base: dict[str, Any] = BASE) -> Path:
    """base.yaml and study.yaml in ``folder``; the latter's path."""
    (folder / "base.yaml").write_text(yaml.safe_dump(base))
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder / "study.yaml"


def command(*arguments: object) -> tuple[int, str]:
    """The exit code of run_study.py and what it printed; an exception that is no exit is raised."""
    result = CliRunner().invoke(run_study.main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output

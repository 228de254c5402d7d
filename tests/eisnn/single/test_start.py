"""A run that begins with saved weights: the authors' and ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from eisnn.checkpoints.checkpoint import load_checkpoint
from eisnn.checkpoints.weights import load_weights
from eisnn.config.trial import resolved
from eisnn.surroundings import code_key

AUTHORS = Path(__file__).parents[2] / "data" / "authors"
CONFIG = """
model: {arch: MLP, layers: 4, width: 0.1}
data: {name: digits, train_size: 300, test_size: 100}
train: {epochs: 1, batch_size: 30, learning_rate: 0.02}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mlp.yaml"
    path.write_text(CONFIG)
    return path


def still(config: Path) -> Path:
    """The same run with steps that are too small to change a weight."""
    path = config.with_name("still.yaml")
    path.write_text(CONFIG.replace("0.02", "1.0e-12"))
    return path


def test_the_authors_weights_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here):
    """After an epoch of steps too small to matter, their accuracy and loss are still theirs."""
    shutil.copytree(AUTHORS / "MNIST", tmp_path / "MNIST")
    monkeypatch.setenv("EISNN_DATA", str(tmp_path))
    theirs = load_weights(AUTHORS / "ckpt-best.pth").config
    assert theirs is not None
    tree = resolved(theirs)
    tree["train"] |= {"epochs": 1, "learning_rate": 1e-12}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    start = ("--scratch", tmp_path / "mine.yaml", "--weights", AUTHORS / "ckpt-best.pth")
    code, out, err = here(*start, "--output", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "tensors loaded" in out
    assert "test accuracy 86.50%" in out
    measured = here("--evaluate", tmp_path / "run" / "checkpoint.pt")[1]
    assert "test: accuracy 86.50%, loss 1.1454" in measured


def test_weights_of_ours_are_where_it_begins(tmp_path: Path, config: Path, here) -> None:
    assert here("--scratch", config, "--output", tmp_path / "first")[0] == 0
    first = load_checkpoint(tmp_path / "first" / "checkpoint.pt")
    start = ("--scratch", still(config), "--weights", tmp_path / "first" / "checkpoint.pt")
    assert here(*start, "--output", tmp_path / "second")[0] == 0
    second = load_checkpoint(tmp_path / "second" / "checkpoint.pt")
    assert second["epoch"] == 1
    surroundings = json.loads((tmp_path / "second" / "environment.json").read_text())
    assert surroundings["code"] == code_key()
    assert second["history"][0]["val/accuracy"] == first["history"][0]["val/accuracy"]
    for name, value in first["model"].items():
        torch.testing.assert_close(second["model"][name], value, rtol=1e-5, atol=1e-7)
    assert here("--resume", tmp_path / "second")[0] == 0


def test_a_folder_keeps_to_the_weights_that_it_began_with(
    tmp_path: Path, config: Path, here
) -> None:
    folder = ("--output", tmp_path / "run")
    assert here("--scratch", config, "--output", tmp_path / "first")[0] == 0
    start = ("--scratch", config, "--weights", tmp_path / "first" / "checkpoint.pt", *folder)
    assert here(*start)[0] == 0
    assert here(*start)[0] == 0  # goes on, and has nothing left to do
    code, _, err = here("--scratch", config, *folder)
    assert (code, "holds a run that began with the weights " in err) == (2, True)
    again = ("--scratch", config, "--weights", tmp_path / "first" / "checkpoint.pt")
    code, _, err = here(*again, "--output", tmp_path / "first")
    assert (code, "began with weights of its own" in err) == (2, True)


def test_weights_that_do_not_fit_change_nothing(tmp_path: Path, config: Path, here) -> None:
    assert here("--scratch", config, "--output", tmp_path / "first")[0] == 0
    config.write_text(CONFIG.replace("width: 0.1", "width: 0.2"))
    start = ("--scratch", config, "--weights", tmp_path / "first" / "checkpoint.pt")
    code, _, err = here(*start, "--output", tmp_path / "run")
    assert (code, "the weights do not fit this network" in err) == (2, True)
    assert not (tmp_path / "run").exists()
    code, _, err = here("--scratch", config, "--weights", tmp_path / "none.pth")
    assert (code, "there is no such file" in err) == (2, True)

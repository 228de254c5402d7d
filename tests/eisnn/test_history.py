"""A run's history as a file."""

from pathlib import Path

import pytest

from eisnn.__main__ import main
from eisnn.history import History

CONFIG = """
model: {arch: MLP, layers: 4, width: 0.1}
data: {name: digits, train_size: 100}
train: {epochs: 2, batch_size: 50, learning_rate: 0.02}
"""


def test_an_epoch_that_is_reported_again_replaces_its_row(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add({"epoch": 2, "train/loss": 0.5})
    history.add({"epoch": 1, "train/loss": 0.9, "val/f1": 0.1})
    history.add({"epoch": 2, "train/loss": 0.4})
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == (
        "epoch,train/loss,train/accuracy,val/loss,val/accuracy,learning_rate,firing_rate,seconds,"
        "val/f1"
    )
    assert lines[1:] == ["1,0.9,,,,,,,0.1", "2,0.4,,,,,,,"]


def test_a_run_leaves_its_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "Digits-MLP4.yaml"
    config.write_text(CONFIG)
    arguments = ["--scratch", str(config), "--output", str(tmp_path / "run"), "--threads", "1"]
    monkeypatch.setattr("sys.argv", ["eisnn", *arguments])
    main()
    lines = (tmp_path / "run/history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2"]

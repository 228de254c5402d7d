"""The lines that are printed."""

from __future__ import annotations

import subprocess
import sys

from eisnn.config.trial import make_config
from eisnn.single.lines import describe, epoch_line, final_line


def test_a_closed_output_ends_no_run(config, tmp_path):
    command = f"{sys.executable} -m eisnn --scratch {config} --output {tmp_path}/run | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "checkpoint.pt").exists()


EPOCH = {"epoch": 3, "train/loss": 1.25, "val/loss": 0.5, "seconds": 2.0}


def test_the_line_of_an_epoch():
    measured = {"train/accuracy": 0.5, "val/accuracy": 0.25, "firing_rate": 0.125}
    assert epoch_line({**EPOCH, **measured}, 120) == (
        "epoch   3/120  loss 1.2500  train 50.00%  validation 25.00%  rate 0.125  2.00 s"
    )


def test_an_epoch_without_classes_or_spikes_has_its_losses():
    assert epoch_line(EPOCH, 9) == "epoch 3/9  loss 1.2500  validation loss 0.5000  2.00 s"


def test_the_last_line():
    final = {"test/accuracy": 0.5, "test/accuracy_best": 0.75, "best_epoch": 2.0}
    assert final_line({**final, "parameters": 12345.0}, 6.25) == (
        "test accuracy 50.00% (last epoch), 75.00% (best validation epoch, 2);"
        " 12,345 parameters; 6.2 s"
    )
    assert final_line({"test/loss": 0.5, "parameters": 7.0}, 60.0) == (
        "test loss 0.5000 (last epoch); 7 parameters; 60.0 s"
    )


def test_a_run_in_one_line():
    tree = {"model": {"arch": "MLP", "layers": 4, "T": 2}, "data": {"name": "digits"}}
    config = make_config({**tree, "train": {"epochs": 7}, "seed": 3})
    assert describe(config) == "MLP-4, ei, T = 2, digits, 7 epochs, seed 3"

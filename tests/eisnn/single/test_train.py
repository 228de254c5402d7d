"""Training in a folder: what is printed and left, going on after a kill, and refusals.

A refusal changes nothing and is one line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.eisnn.commands import CONFIG, contents, eisnn, measured_line


def test_scratch_prints_every_epoch_and_the_test_accuracy(trained):
    folder, out = trained
    assert [line.split()[1] for line in out.splitlines() if line.startswith("epoch")] == [
        "1/4",
        "2/4",
        "3/4",
        "4/4",
    ]
    assert "test accuracy" in out
    assert {"config.yaml", "checkpoint.pt", "diagnostics.csv"} <= {
        path.name for path in folder.iterdir()
    }


def test_resume_after_sigkill_ends_with_the_same_line(config, trained, tmp_path):
    command = [
        sys.executable,
        "-m",
        "eisnn",
        "--scratch",
        str(config),
        "--output",
        str(tmp_path / "run"),
        "--threads",
        "1",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch 2/4"):
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait(timeout=60)
    resumed = eisnn("--resume", tmp_path / "run" / "checkpoint.pt", "--threads", 1)
    assert resumed.returncode == 0, resumed.stderr
    assert measured_line(resumed.stdout) == measured_line(trained[1])


def test_a_folder_of_another_run_is_left_as_it_was(trained, tmp_path, here):
    other = tmp_path / "other.yaml"
    other.write_text(CONFIG.replace("0.02", "0.5"))
    before = contents(trained[0])
    code, _, err = here("--scratch", other, "--output", trained[0])
    assert code == 2
    assert "train.learning_rate (0.02, not 0.5)" in err
    assert contents(trained[0]) == before


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (("width: 0.1", "width: 0.1, classes: 2"), [], "model.classes: must be at least 10"),
        (
            ("width: 0.1", "width: 0.1, input_shape: [3, 32, 32]"),
            [],
            "model.input_shape: must be [1, 8, 8]",
        ),
        (("", ""), ["--device", "cuda:7"], "device: cuda:7: torch finds"),
        (("", ""), ["--device", "foo"], "device: must be cpu, cuda, cuda:1, or auto"),
        (("", ""), ["--config", "x.yaml"], "--config applies only with --evaluate"),
        (("", ""), ["--export", "x"], "--export applies only with --evaluate"),
        (("", ""), ["--output", "{file}"], "file exists"),
        (("", ""), ["--output", "{file}/inside"], "not a directory"),
    ],
)
def test_each_refusal_is_one_line_and_leaves_no_file(change, arguments, message, tmp_path, here):
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.replace(*change) if change[0] else CONFIG)
    (tmp_path / "file").touch()
    chosen = [text.replace("{file}", str(tmp_path / "file")) for text in arguments]
    if "--output" not in chosen:
        chosen += ["--output", str(tmp_path / "run")]
    code, _, err = here("--scratch", path, *chosen)
    assert (code, message in err, len(err.splitlines())) == (2, True, 1), err
    assert {entry.name for entry in tmp_path.iterdir()} == {"c.yaml", "file"}

"""python -m eisnn as a user runs it: train, resume after a kill, evaluate, export, and errors that say what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

CONFIG = """
model: {arch: MLP, layers: 4, width: 0.1}
data: {name: digits, train_size: 300}
train: {epochs: 4, batch_size: 30, learning_rate: 0.02}
"""


def eisnn(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eisnn", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, **options
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "Digits-MLP4.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def trained(config):
    folder = config.parent / "run"
    done = eisnn("--scratch", config, "--output", folder, "--threads", 1, "--log", 1)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


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
    assert _test_line(resumed.stdout) == _test_line(trained[1])


def _test_line(out: str) -> str:
    return next(line for line in out.splitlines() if line.startswith("test accuracy")).rpartition(
        ";"
    )[0]


def test_evaluate_measures_and_exports_and_the_export_measures_the_same(trained, tmp_path):
    folder, out = trained
    first = eisnn(
        "--evaluate", folder / "checkpoint.pt", "--export", tmp_path / "weights.safetensors"
    )
    again = eisnn("--evaluate", tmp_path / "weights.safetensors")
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    measured = [
        line for line in first.stdout.splitlines() if line.startswith(("validation", "test"))
    ]
    assert measured == again.stdout.splitlines()[:2]
    accuracy = out.split("test accuracy ")[1].split(" (last")[0]
    assert f"test: accuracy {accuracy}" in first.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scratch", "none.yaml"], "none.yaml: no such file"),
        ([], "give one of --scratch"),
        (["--evaluate", "none.pt"], "none.pt"),
        (["--scrach", "x"], "No such option"),
        (["--resume", "nowhere/checkpoint.pt"], "nowhere"),
    ],
)
def test_user_errors_are_one_line_and_exit_2(arguments, message, tmp_path):
    done = eisnn(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr

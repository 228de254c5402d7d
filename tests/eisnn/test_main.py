"""python -m eisnn as a user runs it: train, resume after a kill, evaluate, export, and errors that
say what to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from eisnn.__main__ import main

CONFIG = """
model: {arch: MLP, layers: 4, width: 0.1}
data: {name: digits, train_size: 300}
train: {epochs: 4, batch_size: 30, learning_rate: 0.02}
"""


def eisnn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
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


# --- refusals change nothing; each is one line, tried in this process


@pytest.fixture
def here(monkeypatch, capsys):
    """Calls the command in this process: (exit code, output, errors)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["eisnn", *map(str, arguments), "--threads", "1"])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


def contents(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_resume_reads_the_file_that_is_named_and_needs_nothing_beside_it(trained, tmp_path, here):
    kept = tmp_path / "kept.pt"
    kept.write_bytes((trained[0] / "checkpoint.pt").read_bytes())
    code, out, _ = here("--resume", kept)
    assert code == 0
    assert _test_line(out) == _test_line(trained[1])
    assert not (tmp_path / "checkpoint.pt").exists()
    code, _, err = here("--resume", tmp_path / "no.pt")
    assert (code, "no.pt: there is no such checkpoint" in err) == (2, True)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"kept.pt", "config.yaml", "history.csv"}


def test_a_folder_of_another_run_is_left_as_it_was(config, trained, tmp_path, here):
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
        (("", ""), ["--config", "x.yaml"], "--config has a meaning only with --evaluate"),
        (("", ""), ["--export", "x"], "--export has a meaning only with --evaluate"),
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


@pytest.mark.parametrize(
    ("option", "value"), [("--seed", 3), ("--output", "x"), ("--export", "x"), ("--config", "x")]
)
def test_options_that_cannot_apply_are_refused(option, value, trained, here):
    code, _, err = here("--resume", trained[0], option, value)
    assert (code, f"{option} has a meaning only with" in err) == (2, True)


def test_an_export_into_nowhere_is_refused_before_anything_is_measured(trained, tmp_path, here):
    export = tmp_path / "none" / "x.safetensors"
    code, out, err = here("--evaluate", trained[0] / "checkpoint.pt", "--export", export)
    assert (code, out, "there is no folder" in err) == (2, "", True)


def test_data_of_another_shape_than_the_network_is_refused(trained, tmp_path, here):
    other = tmp_path / "c.yaml"
    other.write_text(CONFIG.replace("width: 0.1", "width: 0.1, input_shape: [1, 9, 9]"))
    code, _, err = here("--evaluate", trained[0] / "checkpoint.pt", "--config", other)
    assert (code, len(err.splitlines()) >= 1) == (2, True)


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


def test_a_file_in_the_current_folder_takes_no_librarys_place(tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('ran unasked')\n")
    done = eisnn("--help", cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert (done.returncode, "ran unasked" in done.stderr) == (0, False)

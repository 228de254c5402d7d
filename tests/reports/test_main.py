"""python -m reports: how the command ends."""

import json
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from reports.__main__ import main
from tests.reports.synthetic import small_study


def test_ctrl_c_while_the_report_is_made_is_130_and_one_line(tmp_path):
    """The signal comes once files are written; the next command makes the whole report."""
    folder = small_study(tmp_path / "small")
    command = [sys.executable, "-m", "reports", str(folder)]
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    # A shell's background jobs ignore the signal, and so would what they start.
    with subprocess.Popen(
        command,
        stdout=pipe,
        stderr=both,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while process.poll() is None and not (folder / "report").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert output.strip() == "interrupted; repeat the command for the whole report"
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "report/index.html").exists()


def test_the_command_prints_where_it_is(tmp_path):
    folder = small_study(tmp_path / "small")
    done = CliRunner().invoke(main, [str(folder), "--paper", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(tmp_path / "out/paper")
    assert not (folder / "report").exists()


def test_the_command_line(tmp_path):
    folder = small_study(tmp_path / "small")
    done = CliRunner().invoke(
        main,
        [str(folder), "--formats", "md", "--baseline", "no_ste", "--at", "best", "--alpha", "0.1"],
    )
    assert done.exit_code == 0, done.output
    assert done.output.strip().endswith(str(folder / "report"))
    assert "− no_ste" in done.output
    assert "97.20" in done.output  # at the best validation epoch
    assert not (folder / "report/tables/main.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{folder}/nowhere"], "no such folder"),
        (["{folder}/empty"], "not a study's folder"),
        (["{folder}/small", "--baseline", "ban"], "did you mean 'bn'?"),
        (["{folder}/small", "--formats", "docx"], "no such format docx"),
        (["{folder}/broken"], "plan.json: not readable"),
    ],
)
def test_input_that_cannot_be_used_is_one_line_and_exit_code_2(tmp_path, arguments, words):
    small_study(tmp_path / "small")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/plan.json").write_text(json.dumps({"study": "x"})[:-3])
    done = CliRunner().invoke(main, [word.replace("{folder}", str(tmp_path)) for word in arguments])
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_results_that_cannot_be_written(tmp_path):
    folder = small_study(tmp_path / "small")
    (folder / "report").write_text("a file in the way")
    done = CliRunner().invoke(main, [str(folder), "--formats", "html"])
    assert done.exit_code == 2
    assert "--out FOLDER writes elsewhere" in done.stderr
    out = tmp_path / "elsewhere"
    done = CliRunner().invoke(main, [str(folder), "--formats", "html", "--out", str(out)])
    assert done.exit_code == 0
    assert (out / "index.html").exists()

"""The options of python -m eisnn, and errors that say what to do."""

from __future__ import annotations

import os

import pytest

from tests.eisnn.commands import eisnn


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


@pytest.mark.parametrize(
    ("option", "value"), [("--seed", 3), ("--output", "x"), ("--export", "x"), ("--config", "x")]
)
def test_options_that_cannot_apply_are_refused(option, value, trained, here):
    code, _, err = here("--resume", trained[0], option, value)
    assert (code, f"{option} applies only with" in err) == (2, True)


def test_a_file_in_the_current_folder_takes_no_librarys_place(tmp_path):
    (tmp_path / "click.py").write_text("raise SystemExit('ran unasked')\n")
    done = eisnn("--help", cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert (done.returncode, "ran unasked" in done.stderr) == (0, False)

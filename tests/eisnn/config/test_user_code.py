"""What users' code may do to us, and which files beside a study or config file are found at all."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from eisnn.config.trial import make_config
from eisnn.config.user_code import UserCodeError, blame, find
from eisnn.training.fit import fit


def write(folder: Path, **sources: str) -> None:
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text)


def test_only_what_is_named_and_what_it_imports_is_found(beside):
    write(
        beside,
        theirs_main="import theirs_helper\ndef build():\n"
        "    import importlib\n"
        "    return importlib.import_module('theirs_late').x + theirs_helper.x\n",
        theirs_helper="x = 1",
        theirs_late="x = 2",
        theirs_planted="raise RuntimeError('ran unasked')",
    )
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("theirs_planted")
    assert find("theirs_main:build", "key")() == 3
    with pytest.raises(ModuleNotFoundError):  # still nobody of theirs asks for it
        importlib.import_module("theirs_planted")
    assert str(beside) not in sys.path


def test_a_file_never_takes_the_place_of_a_library(beside):
    write(beside, colorsys="raise RuntimeError('ran')")
    sys.modules.pop("colorsys", None)
    assert callable(find("colorsys:rgb_to_hsv", "key"))


def test_packages_are_found_with_their_parts(beside):
    (beside / "theirs_package").mkdir()
    (beside / "theirs_package" / "__init__.py").touch()
    write(beside / "theirs_package", net="from . import part\ndef build():\n    return part.x\n")
    write(beside / "theirs_package", part="import theirs_beside\nx = theirs_beside.x\n")
    write(beside, theirs_beside="x = 7")
    assert find("theirs_package.net:build", "key")() == 7


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import sys\nsys.exit(0)\n", r"called sys\.exit\(0\) \(.*theirs_exit\.py, line 2\)"),
        ("import sys\n\nsys.exit()\n", r"called sys\.exit\(\) \(.*theirs_exit\.py, line 3\)"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\np.parse_args()\n",
            r"called sys\.exit\(2\) \(.*theirs_exit\.py, line 4\)",
        ),
    ],
)
def test_an_exit_at_import_is_a_named_failure(beside, source, message):
    write(beside, theirs_exit=source)
    with pytest.raises(
        UserCodeError, match=r"model\.factory: theirs_exit:build: importing .*" + message
    ):
        find("theirs_exit:build", "model.factory")


def test_a_script_sees_no_arguments_of_ours(beside, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run_study.py", "--space", "x.yaml"])
    write(
        beside,
        theirs_args="import argparse\nargparse.ArgumentParser().parse_args()\ndef build(): pass\n",
    )
    find("theirs_args:build", "key")
    assert sys.argv[1:] == ["--space", "x.yaml"]


def test_a_change_of_folder_is_undone(tmp_path):
    before = os.getcwd()
    with blame("theirs"):
        os.chdir(tmp_path)
    assert os.getcwd() == before


def test_a_forked_process_ends_with_their_code(tmp_path):
    marker = tmp_path / "went on as ours"
    process = os.getpid()
    with blame("theirs"):
        child = os.fork()
    if os.getpid() != process:
        marker.touch()
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert not marker.exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sys.exit('labels are wrong')", r"training called sys\.exit\('labels are wrong'\)"),
        ("1 / 0", r"training raised ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_network_does_in_training_is_a_named_failure(beside, line, message):
    write(
        beside,
        theirs_net="import sys\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.map = nn.Linear(64, 10)\n"
        "    def forward(self, x):\n"
        f"        if self.training and len(x) > 2: {line}\n"
        "        return self.map(x.flatten(1))\n"
        "def build(config, shape, classes):\n    return Net()\n",
    )
    config = make_config(
        {
            "model": {"factory": "theirs_net:build"},
            "data": {"name": "digits", "train_size": 100},
            "train": {"epochs": 1},
        }
    )
    wanted = rf"model\.factory: theirs_net:build: {message} \(.*theirs_net\.py, line 8\)"
    with pytest.raises(UserCodeError, match=wanted):
        fit(config)

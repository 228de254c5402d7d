"""One short run for all tests of `python -m eisnn`, the command in this process, and code of the
user's."""

from __future__ import annotations

import sys

import pytest

from eisnn.__main__ import main
from tests.eisnn.commands import CONFIG, eisnn


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("configs") / "Digits-MLP4.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="session")
def trained(config):
    folder = config.parent / "run"
    done = eisnn("--scratch", config, "--output", folder, "--threads", 1, "--log", 1)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


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


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Writes a module of the user's where Python finds it.

    Python imports a module once, so each test's needs a name of its own.
    """
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    return write

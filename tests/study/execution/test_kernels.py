"""The kernels are built once, before workers want them, without torch in the driver; where they
cannot be, that is said."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eisnn.kernels.cpu import build
from study.execution.kernels import built

ROOT = Path(__file__).parents[3]


def outcome() -> tuple[list[str], str]:
    """What the driver prints while Ray starts, and which path it then names."""
    notes: list[str] = []
    with built(notes.append) as wait:
        return notes, wait()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("EISNN_KERNELS", "off", "EISNN_KERNELS=off"),
        ("CXX", "no-such-compiler", "no-such-compiler is not installed"),
    ],
)
def test_nothing_is_built_where_there_is_no_hope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv("EISNN_CACHE", str(tmp_path))
    monkeypatch.setenv("EISNN_KERNELS", "on")
    monkeypatch.setenv(name, value)
    notes, path = outcome()
    assert (notes, path.startswith("plain path (")) == ([], True)
    assert reason in path
    assert not list(tmp_path.iterdir())


def test_a_failed_build_is_said_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EISNN_CACHE", str(tmp_path))
    monkeypatch.setenv("EISNN_KERNELS", "on")
    monkeypatch.setenv("CXX", "false")
    notes, path = outcome()
    assert notes == [build.BUILDING]
    assert path.startswith("plain path (the kernels could not be built")


def test_kernels_that_are_there_are_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EISNN_CACHE", str(tmp_path))
    monkeypatch.setenv("EISNN_KERNELS", "on")
    build.library().parent.mkdir(parents=True)
    build.library().touch()
    assert outcome() == ([], "C++ kernels")


def test_the_driver_does_not_load_torch_for_it() -> None:
    code = (
        "import sys, study.session, study.execution.kernels as k; k.build.refused();"
        " print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.strip() == "[]"

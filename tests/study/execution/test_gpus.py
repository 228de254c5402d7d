"""GPUs that are not here: nvidia-smi and MPS are stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.execution import gpus
from study.execution.gpus import Mps, visible_parts

LISTING = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-2222-3333-4444-555555555555)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaaaaaa-1111-5555-9999-bbbbbbbbbbbb)
  MIG 3g.40gb     Device  1: (UUID: MIG-cccccccc-1111-5555-9999-dddddddddddd)
"""


def test_parts_of_a_gpu_are_named_by_their_uuid(program: Any, monkeypatch: Any) -> None:
    program("nvidia-smi", f"cat <<'E'\n{LISTING}E")
    both = "MIG-aaaaaaaa-1111-5555-9999-bbbbbbbbbbbb,MIG-cccccccc-1111-5555-9999-dddddddddddd"
    assert visible_parts() == {"CUDA_VISIBLE_DEVICES": both}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # the user has chosen
    assert visible_parts() == {}


@pytest.mark.parametrize("body", ["echo 'GPU 0: NVIDIA A100 (UUID: GPU-1)'", "exit 9"])
def test_whole_gpus_and_a_broken_driver_change_nothing(program: Any, body: str) -> None:
    program("nvidia-smi", body)
    assert visible_parts() == {}


def test_mps_is_started_once_and_ended(program: Any, tmp_path: Path) -> None:
    calls = program(gpus.CONTROL, '[ "$1" = -d ] || cat >> "$0.quit"')
    said: list[str] = []
    mps = Mps(tmp_path, said.append)
    assert set(mps.variables().values()) == {str(tmp_path / "mps")}
    mps.start()
    mps.start()
    mps.end()
    mps.end()
    assert calls.read_text().split("\n") == ["-d", "", ""]
    assert (tmp_path / "bin" / f"{gpus.CONTROL}.quit").read_text() == "quit\n"
    assert said == ["MPS started: trials on one GPU compute at the same time"]


def test_without_mps_or_with_the_users_own_nothing_is_started(
    program: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    assert not Mps(tmp_path, print).variables()
    calls = program(gpus.CONTROL, "exit 1")
    said: list[str] = []
    mps = Mps(tmp_path, said.append)
    mps.start()
    assert "trials on one GPU take turns" in said[0]
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/var/run/mine")
    Mps(tmp_path, said.append).start()
    assert calls.read_text() == "-d\n"

"""GPUs that are not here: nvidia-smi, MPS and a worker's look at its GPU are stand-ins."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eisnn.config.trial import make_config, resolved
from eisnn.training import footprint
from eisnn.training.busyness import Busyness
from eisnn.training.footprint import Reading
from study.execution import gpus
from study.execution.fractions import Footprint
from study.execution.gpus import Mps, visible_parts
from study.execution.shares import Share
from study.store.records import Order, State
from study.worker import trial
from study.worker.causes import cause_of
from study.worker.gpu import foreign_mb, is_lost, look

LISTING = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-11111111-2222-3333-4444-555555555555)
  MIG 3g.40gb     Device  0: (UUID: MIG-aaaaaaaa-1111-5555-9999-bbbbbbbbbbbb)
  MIG 3g.40gb     Device  1: (UUID: MIG-cccccccc-1111-5555-9999-dddddddddddd)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a shell script on the path, and returns the file that it notes its calls in."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def make(name: str, body: str) -> Path:
        calls = tmp_path / f"{name}.calls"
        path = programs / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{body}\n')
        path.chmod(0o755)
        return calls

    return make


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


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: out of memory",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried",
    ],
)
def test_memory_that_ran_out_in_any_librarys_words(text: str) -> None:
    assert cause_of(RuntimeError(text))[0] == State.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("AcceleratorError: CUDA error: an illegal memory access was encountered", True),
        ("RuntimeError: CUDA error: device-side assert triggered", True),
        ("CUDA error: unspecified launch failure", True),
        ("RuntimeError: mat1 and mat2 shapes cannot be multiplied", False),
        (None, False),
    ],
)
def test_errors_after_which_the_process_has_no_gpu(text: str | None, lost: bool) -> None:
    assert is_lost(text) is lost


def test_memory_that_others_hold_is_asked_of_this_workers_gpu(
    program: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert foreign_mb() == 0.0  # no nvidia-smi
    calls = program("nvidia-smi", "echo 14400")
    assert foreign_mb() == 14_400.0
    assert calls.read_text().endswith("-i 3\n")
    program("nvidia-smi", "echo 'No devices were found'")
    assert foreign_mb() == 0.0


@pytest.mark.parametrize(("mps", "busy"), [(True, 0.2), (False, 0.9)])
def test_a_probe_counts_idle_multiprocessors_where_mps_can_use_them(
    mps: bool, busy: float, tmp_path: Path, monkeypatch: Any
) -> None:
    reading = Reading(5000.0, 2400.0, 24_000.0, Busyness(time=0.9, filled=0.2))
    monkeypatch.setattr(footprint, "rehearse", lambda *_: reading)
    monkeypatch.setattr(trial.gpu, "foreign_mb", lambda: 2000.0)
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    if mps:
        monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    config = resolved(make_config({"model": {"arch": "MLP", "layers": 4}}))
    found = Footprint(**trial.probe(Order("probe", config)))
    assert found == Footprint(3000.0, 400.0, 24_000.0, busy=busy, foreign_mb=2000.0)


def test_a_look_says_why_pytorch_cannot_use_a_gpu() -> None:
    found = look()
    assert ("problem" in found) != ("name" in found)


def test_a_gpu_that_pytorch_cannot_use_means_the_cpu_said_once(
    plan_of: Any, study_tree: dict[str, Any], tmp_path: Path, monkeypatch: Any
) -> None:
    import ray

    problem = {"problem": "PyTorch 2.14.0+cpu is built for the CPU only"}
    node = {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 1.0}}
    monkeypatch.setattr(ray, "nodes", lambda: [node])
    here = SimpleNamespace(remote=lambda *_: problem)
    monkeypatch.setattr(ray, "remote", lambda **_: lambda call: here)
    monkeypatch.setattr(ray, "get", lambda found, **_: found)
    said: list[str] = []

    def no_probe(order: Any) -> dict[str, float]:
        raise AssertionError("nothing is measured on a GPU that is not used")

    share = Share(plan_of(study_tree), tmp_path, None, no_probe, said.append)
    assert said == [f"the GPU is not used: {problem['problem']}; trials run on the CPU"]
    assert {portion.gpu for portion in share.portions.values()} == {0.0}
    assert share.text() == "4 trials at once, 1 thread each, on the CPU"
    assert not share.has_company

"""A worker's look at its GPU, and errors that leave it without one."""

from __future__ import annotations

from typing import Any

import pytest

from study.worker.gpu import foreign_mb, is_lost, look


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


def test_a_look_says_why_pytorch_cannot_use_a_gpu() -> None:
    found = look()
    assert (found.problem is not None) != bool(found.name)

"""What an exception of a trial means."""

from __future__ import annotations

import errno
import sys

import pytest

from eisnn.errors import DataError, Diverged
from study.store.records import State
from study.worker.causes import cause_of, reason_of


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (Diverged("silent"), (State.DIVERGED, "diverged")),
        (MemoryError(), (State.OUT_OF_MEMORY, "out_of_memory")),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            (State.OUT_OF_MEMORY, "out_of_memory"),
        ),
        (DataError("digits: not found"), (State.FAILED, "data")),
        (OSError(errno.ENOSPC, "No space left on device"), (State.FAILED, "disk_full")),
        (ConnectionError("gone"), (State.FAILED, "system")),
        (KeyError("bug"), (State.FAILED, "error")),
        (SystemExit(0), (State.FAILED, "error")),
    ],
)
def test_causes(error: BaseException, meaning: tuple[State, str]) -> None:
    assert cause_of(error) == meaning


def test_an_exit_of_users_code_says_where() -> None:
    with pytest.raises(SystemExit) as raised:
        sys.exit(0)
    said = reason_of(raised.value)
    assert said.startswith("the code called sys.exit(0) in test_causes.py, line ")
    assert reason_of(Diverged("silent")) == "silent"
    assert reason_of(KeyError("bug")) == "KeyError: 'bug'"


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

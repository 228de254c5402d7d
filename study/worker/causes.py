"""Translates a trial's exception into a state, a cause in one word, and a reason in one line."""

from __future__ import annotations

import traceback
from pathlib import Path

from eisnn.errors import DataError, Diverged
from study import store
from study.store.records import State

# Causes outside of our code, which may be gone when the next run tries the trial again.
OF_THE_SURROUNDINGS = ("data", "disk_full", "disk_broken", "system")


# Messages of torch and CUDA's libraries, in errors other than OutOfMemoryError.
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "cuda error: out of memory",
    "cuda out of memory",
    "hip out of memory",
    "cudaerrormemoryallocation",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "device_allocation_failed",
)


def cause_of(error: BaseException) -> tuple[State, str]:
    """Returns the state and the cause that an exception of a trial means."""
    if isinstance(error, Diverged):
        return State.DIVERGED, "diverged"
    if _is_out_of_memory(error):
        return State.OUT_OF_MEMORY, "out_of_memory"
    if isinstance(error, DataError):
        return State.FAILED, "data"
    if (trouble := store.disk_trouble(error)) is not None:
        return State.FAILED, trouble.cause
    outside = isinstance(error, OSError | store.StoreError)
    return State.FAILED, "system" if outside else "error"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return any(words in text for words in OUT_OF_MEMORY)


def reason_of(error: BaseException) -> str:
    """Returns the reason in one line."""
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, Diverged | DataError) and first:
        return first
    if isinstance(error, SystemExit):
        return f"the code called sys.exit({error.code!r}){_place(error)}"
    return f"{type(error).__name__}: {first}"


def _place(error: BaseException) -> str:
    """Returns the file and line that raised the error."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    return f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"

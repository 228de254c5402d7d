"""Keeps freed memory in the process.

glibc returns large blocks to the kernel when they are freed, and the page faults of taking them
again triple the cost of large elementwise operations.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h

# The same for a process that is yet to start: glibc reads these from its environment.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**32)}


def keep_freed_memory() -> bool:
    """Tells glibc's malloc to serve large blocks from the heap and never to shrink it. Returns
    False where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))

"""What a test of the CPU's kernels needs."""

import pytest

from eisnn.kernels.cpu import build

needs_kernels = pytest.mark.skipif(
    build.why_unavailable() is not None, reason=str(build.why_unavailable())
)

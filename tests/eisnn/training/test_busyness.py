"""How busy work keeps a GPU, read from a trace as PyTorch's profiler writes it of one."""

from __future__ import annotations

import pytest
import torch

from eisnn.training.busyness import Busyness, busyness, of_trace

KERNELS = {
    "traceEvents": [
        {"ph": "M", "name": "process_name", "args": {"name": "python"}},
        {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "ts": 0.0, "dur": 90_000.0, "args": {}},
        {"ph": "X", "cat": "kernel", "name": "gemm", "ts": 5.0, "dur": 30_000.0,
         "args": {"stream": 7, "grid": [264, 1, 1], "blocks per SM": 2.0}},
        {"ph": "X", "cat": "kernel", "name": "small", "ts": 50_000.0, "dur": 20_000.0,
         "args": {"stream": 7, "grid": [33, 1, 1], "blocks per SM": 0.5}},
    ]
}  # fmt: skip


def test_kernels_that_leave_multiprocessors_idle_fill_less_than_their_time():
    # 30 ms that fill the device and 20 ms that fill half of it, in 100 ms
    found = of_trace(KERNELS, seconds=0.1)
    assert (found.time, found.filled) == (pytest.approx(0.5), pytest.approx(0.4))


def test_nothing_is_busy_for_longer_than_the_clock_says():
    assert of_trace(KERNELS, seconds=0.03) == Busyness(time=1.0, filled=1.0)


def test_without_a_gpu_nothing_is_known_and_the_work_is_done_twice():
    done = []
    x = torch.ones(100, 100)
    assert busyness(lambda: done.append(x @ x), torch.device("cpu")) == Busyness(0.0, 0.0)
    assert len(done) == 2

"""Peak memory of this process."""

import mmap
import os

import pytest
import torch

from eisnn.training.memory import MemoryMeter, total_mb

CPU = torch.device("cpu")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="Linux only")
def test_the_peak_is_what_was_taken_meanwhile_also_when_it_was_given_back():
    meter = MemoryMeter(CPU)
    with mmap.mmap(-1, 64 * 2**20) as taken:
        taken.write(b"1" * len(taken))
    assert 60 < meter.peak_mb() < 200
    assert MemoryMeter(CPU).peak_mb() < 30  # the next starts again


def test_the_whole_memory_is_the_machines():
    assert total_mb(CPU) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20

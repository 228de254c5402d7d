"""The counted goals of the GPU path, at batch 128 and T = 4, and that nothing is kept twice."""

import pytest

from benchmarks.counts import Counts, count_step

pytest.importorskip("triton", reason="triton comes with torch on Linux")


@pytest.mark.parametrize(
    ("net", "gigabytes", "launches", "kept_mb"),
    [("VGG-8", 4.0, 110, 600), ("ResNet-18", 26.0, 320, 5000), ("MLP-12", 0.35, 220, 40)],
)
def test_a_step_stays_within_its_goals(net, gigabytes, launches, kept_mb):
    counts = count_step(net)
    assert counts.bytes / 1e9 <= gigabytes
    assert counts.launches <= launches
    assert counts.kept / 1e6 <= kept_mb


def test_the_baseline_of_the_same_cells_stays_below_its_readable_path():
    ours, readable = count_step("VGG-8", "bn"), count_step("VGG-8", "bn", backend=False)
    assert ours.bytes < readable.bytes / 3
    assert ours.launches < readable.launches / 4
    assert ours.kept < readable.kept


def test_the_readable_path_keeps_less_than_it_did():
    """1489 MB where a view of s_I kept the whole joint map."""
    assert count_step("VGG-8", backend=False).kept / 1e6 < 1400


def test_counts_add_up():
    counts = Counts()
    counts.add("mm", 1, 100)
    counts.add("mm", 2, 50)
    assert (counts.launches, counts.bytes, counts.by_name) == (3, 150, {"mm": [3, 150]})

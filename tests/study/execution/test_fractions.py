"""The arithmetic of GPU shares."""

from __future__ import annotations

import pytest

from study.execution.fractions import Footprint, larger, trials_per_gpu, why, why_too_small

A100 = Footprint(peak_mb=4000, context_mb=500, total_mb=24_000)


@pytest.mark.parametrize(
    ("peak", "most", "trials"),
    [(4000, 16, 5), (4001, 16, 4), (4000, 3, 3), (11_000, 16, 1), (23_000, 16, 1), (100, 8, 8)],
)
def test_so_many_trials_share_a_gpu_that_each_has_headroom(
    peak: float, most: int, trials: int
) -> None:
    assert trials_per_gpu(Footprint(peak, 500, 24_000), most) == trials


@pytest.mark.parametrize(
    ("busy", "foreign", "trials"),
    [
        (0.0, 0.0, 5),  # not measured: memory alone
        (0.2, 0.0, 5),
        (0.5, 0.0, 2),
        (0.62, 0.0, 2),
        (0.9, 0.0, 1),  # a device that is busy gains nothing from company
        (0.0, 14_400.0, 2),  # what others hold is not there to share
        (0.0, 23_999.0, 1),
    ],
)
def test_company_only_where_the_device_has_time_and_room(
    busy: float, foreign: float, trials: int
) -> None:
    footprint = Footprint(4000, 500, 24_000, busy=busy, foreign_mb=foreign)
    assert trials_per_gpu(footprint, 16) == trials


def test_the_reason_says_what_limits() -> None:
    text = why(Footprint(4000, 500, 24_000, busy=0.5, foreign_mb=2000), 2, 16)
    assert "(2,000 MB of them held by other processes), busy 50% of the time" in text
    assert text.endswith(": 2 trials to a GPU (more would only wait for each other)")


def test_the_reason_shows_the_arithmetic() -> None:
    assert (
        why(A100, 5, 16)
        == "4,000 MB measured, 4,800 MB with 20% headroom, of 24,000 MB: 5 trials to a GPU"
    )
    assert why(A100, 2, 2).endswith(": 2 trials to a GPU (2 is what the CPUs can serve)")
    assert why_too_small(0.2, A100) is None
    assert (
        why_too_small(0.1, A100)
        == "0.1 of a GPU's 24,000 MB is 2,400 MB, and the probe measured a peak of 4,000 MB (500 MB"
        " of it CUDA's context); give at least 0.17, or auto"
    )


def test_a_larger_share_leads_to_a_whole_gpu() -> None:
    assert [larger(1 / 7), larger(1 / 3), larger(0.5), larger(0.4), larger(1.0), larger(2.0)] == [
        1 / 3,
        1.0,
        1.0,
        1.0,
        1.0,
        2.0,
    ]
    assert larger(0.25) == 0.5

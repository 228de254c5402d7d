"""One trial's part of a machine, and how often it fits."""

from __future__ import annotations

import pytest

from study.execution.portion import Portion

GIGABYTE = 2**30


@pytest.mark.parametrize(
    ("portion", "node", "trials"),
    [
        (Portion(1), {"CPU": 8.0}, 8),
        (Portion(3), {"CPU": 8.0}, 2),
        (Portion(0.1), {"CPU": 0.3}, 3),  # 0.3 / 0.1 is 2.9999999999999996
        (Portion(1, 0.3), {"CPU": 16.0, "GPU": 2.0}, 6),  # three on each: no trial spans two GPUs
        (Portion(1, 0.3), {"CPU": 4.0, "GPU": 2.0}, 4),
        (Portion(1, 2.0), {"CPU": 16.0, "GPU": 5.0}, 2),
        (Portion(1, 0.5), {"CPU": 16.0}, 0),
        (Portion(1, memory_gb=3), {"CPU": 8.0, "memory": 9.5 * GIGABYTE}, 3),
    ],
)
def test_so_many_fit(portion: Portion, node: dict[str, float], trials: int) -> None:
    assert portion.fits(node) == trials


def test_memory_is_asked_for_on_the_cpu_only() -> None:
    assert Portion(2, memory_gb=1).bundle == {"CPU": 2, "memory": GIGABYTE}
    assert Portion(2, 0.5, memory_gb=1).bundle == {"CPU": 2, "GPU": 0.5}

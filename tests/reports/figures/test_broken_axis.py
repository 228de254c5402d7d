"""Where an axis is broken, by hand."""

import pytest

from reports.figures.broken_axis import pieces


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([10, 95, 96, 97], [(10, 10), (95, 97)]),
        ([90, 95, 96], [(90, 96)]),  # the gap is narrow: five units
        ([95, 1, 41, 96, 40], [(1, 1), (40, 41), (95, 96)]),  # the widest gap is split first
        ([0, 30, 60, 90], [(0, 90)]),  # no gap is two fifths of the range
        ([1, 50], [(1, 50)]),  # two points are no reason
    ],
)
def test_pieces(points, expected):
    assert pieces(points) == expected


def test_no_more_pieces_than_asked_for():
    assert pieces([1, 40, 41, 95, 96], most=2) == [(1, 41), (95, 96)]

"""The forest: an interval that goes on beyond its axis says so."""

import pytest

from reports.figures.forest import Forest, Row
from reports.figures.style import looks


def markers(forest):
    figure = forest.draw(8.0)
    return [line.get_marker() for axes in figure.axes for line in axes.lines]


@pytest.mark.parametrize(("low", "high", "arrows"), [(89, 91, ""), (40, 91, "<"), (40, 140, "<>")])
def test_a_cut_interval_has_an_arrow_at_the_cut_end(low, high, arrows):
    """The axis reaches a little beyond the runs (88 to 96), whatever an interval spans."""
    rows = (
        Row("full", (95.0, 96.0), middle=95.5),
        Row("bn", (88.0, 92.0), middle=90.0, low=low, high=high),
    )
    forest = Forest(rows, looks(["full", "bn"], "full", "bn"), "accuracy (%)", "", "full", "bn")
    found = markers(forest)
    assert [mark for mark in found if mark in ("<", ">")] == list(arrows)

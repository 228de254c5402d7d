"""The forest: an interval that goes on beyond its axis says so."""

import pytest
from matplotlib.text import Annotation

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


def test_the_count_of_failures_stands_right_of_the_dots_beside_chance():
    """Two dots stand where the words would: the words begin after the second one."""
    near = Row("bn", (11.0, 14.0, 60.0), failed=3, middle=30.0)
    rows = (Row("full", (70.0, 72.0), middle=71.0), near, Row("none", (), failed=5, middle=10.0))
    arms = looks(["full", "bn", "none"], "full", "bn")
    figure = Forest(rows, arms, "accuracy (%)", "", "full", "bn", chance=10.0).draw(8.0)
    notes = [note for axes in figure.axes for note in axes.texts if isinstance(note, Annotation)]
    places = {note.get_text(): note.xy[0] for note in notes if "failed" in note.get_text()}
    assert places == {"3 failed": 14.0, "5 failed": 10.0}


def test_each_piece_of_a_broken_axis_has_a_tick_inside():
    """A single run at 21.45 % has a piece of its own, which is too narrow for a tick at 21."""
    rows = (
        Row("full", (95.0, 96.0), middle=95.5),
        Row("bn", (21.45,), failed=3, middle=10.5, low=10.0, high=11.0),
    )
    forest = Forest(rows, looks(["full", "bn"], "full", "bn"), "accuracy (%)", "", "full", "bn", 10)
    figure = forest.draw(8.0)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert any(low < tick < high for tick in axes.get_xticks())

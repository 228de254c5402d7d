"""How figures look."""

import matplotlib
import pytest
from matplotlib.colors import to_hex

from reports.figures import style


def test_a_reference_that_is_the_baseline_too_keeps_its_colour():
    assert style.looks(["a", "b"], "a", "a") == style.looks(["a", "b"], "a")


def test_panels_fit_beside_each_other():
    assert style.columns_in(8.6, 1.7) == 5
    assert style.columns_in(1.0, 1.7) == 1
    figure, axes = style.grid(5, 8.6, 1.5, least=2.5)  # three columns, two rows
    assert (len(axes), figure.get_size_inches().tolist()) == (5, [8.6, 3.0])
    places = [(first, lowest) for _, first, lowest in style.outer(axes, 3)]
    assert places == [(True, False), (False, False), (False, True), (True, True), (False, True)]


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(1e-3, 1e-1, [0.001, 0.01, 0.1]), (1.0, 8.0, [1, 2, 5])]
)
def test_a_logarithmic_axis_has_plain_numbers(low, high, ticks):
    _, axes = style.blank(3.0, 2.0)
    style.log_axis(axes.yaxis, low, high)
    assert axes.get_yticks().tolist() == pytest.approx(ticks)
    assert axes.yaxis.get_major_formatter()(0.01, 0) == "0.01"


def test_the_style_ends_with_its_block():
    before = dict(matplotlib.rcParams)
    with style.styled():
        assert matplotlib.rcParams["axes.edgecolor"] == style.LINE
    assert dict(matplotlib.rcParams) == before


def test_a_panels_note_is_read_where_a_curve_runs_through_it():
    _, (axes,) = style.grid(1, 4.0, 1.45, least=1.7)
    (curve,) = axes.plot([0, 1], [0.05, 0.05])
    style.panel_title(axes, "full", "n = 5")
    (note,) = axes.texts
    assert to_hex(note.get_bbox_patch().get_facecolor()) == style.PAGE
    assert note.get_zorder() > curve.get_zorder()

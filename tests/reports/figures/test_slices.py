"""Each trial's value against each important parameter."""

import pandas as pd
import pytest

from reports.analysis.collect import read_study
from reports.figures import style
from reports.figures.slices import picture
from tests.reports.synthetic import PARAMETERS, arm, search, write_study

RATE = "train.learning_rate"


def picture_of(folder, values):
    rows = []
    for number, (power, value) in enumerate(values):
        rows.append(search("full", number, value, **{RATE: 10.0**power}))
    study = read_study(write_study(folder, rows, [arm("full", "reference")], parameters=PARAMETERS))
    return picture(study, pd.DataFrame(), style.looks(["full"], "full"))


def test_the_best_trial_is_ringed_and_failed_ones_are_crosses(tmp_path):
    found = picture_of(tmp_path / "s", [(-3, 0.80), (-2, 0.90), (-1, None)])
    (axes,) = found.figure.axes
    lines = {(line.get_marker(), line.get_markersize()): line for line in axes.lines}
    dots, ring, cross = lines["o", 4], lines["o", 8], lines["x", 3.5]
    assert dots.get_xdata().tolist() == pytest.approx([1e-3, 1e-2, 1e-1])
    assert dots.get_ydata().tolist()[:2] == pytest.approx([80, 90])
    assert (ring.get_xdata().tolist(), ring.get_ydata().tolist()) == (
        pytest.approx([1e-2]),
        pytest.approx([90]),
    )
    assert cross.get_xdata().tolist() == pytest.approx([1e-1])
    assert "Triangles" not in found.caption


def test_values_far_below_are_triangles_at_the_edge(tmp_path):
    found = picture_of(tmp_path / "s", [(-3, 0.80), (-2, 0.90), (-1, 0.20)])
    triangles = [line for line in found.figure.axes[0].lines if line.get_marker() == "v"]
    assert [line.get_ydata().tolist() for line in triangles] == [pytest.approx([79])]
    assert found.caption.endswith("Triangles: values below the axis.")


def test_nothing_searched_nothing_drawn(tmp_path):
    assert picture_of(tmp_path / "s", [(-3, None)]) is None

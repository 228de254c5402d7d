"""Every completed trial as a line through its parameters to its value."""

import pytest

from reports.analysis.collect import read_study
from reports.figures import style
from reports.figures.parallel import picture
from tests.reports.synthetic import PARAMETERS, arm, search, write_study

RATE, RATIO = "train.learning_rate", "circuit.ei_ratio"


def picture_of(folder, rows, **plan):
    study = read_study(write_study(folder, rows, [arm("full", "reference")], **plan))
    return picture(study, style.looks(["full"], "full"))


def test_lines_run_from_end_to_end_and_the_chosen_one_is_thick(tmp_path):
    rows = [
        search("full", 0, 0.80, **{RATE: 1e-3, RATIO: 2}),
        search("full", 1, 0.90, **{RATE: 1e-2, RATIO: 8}),
        search("full", 2, 0.85, **{RATE: 1e-1, RATIO: 4}),
        search("full", 3, None, **{RATE: 1e-1, RATIO: 4}),
    ]
    found = picture_of(tmp_path / "s", rows, parameters=PARAMETERS)
    (axes,) = found.figure.axes
    drawn = [line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata()) == 3]
    # ratio, rate, value: in the study file's order, each from the low to the high end of its range
    assert drawn == [
        pytest.approx([0, 0, 0]),
        pytest.approx([1, 0.5, 1]),
        pytest.approx([0.5, 1, 0.5]),
    ]
    thick = [line.get_ydata()[-1] for line in axes.lines if line.get_color() == style.REFERENCE]
    assert thick == [1.0]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["ei_ratio", "learning_rate", "val accuracy (%)"]
    assert "A line for each of 3 completed search trials" in found.caption


def test_one_parameter_needs_no_lines(tmp_path):
    rows = [search("full", k, 0.8, **{RATE: 10.0 ** -(k + 1)}) for k in range(3)]
    assert picture_of(tmp_path / "s", rows, parameters=PARAMETERS) is None

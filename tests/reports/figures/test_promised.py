"""What a search promised and what held."""

from dataclasses import replace

import pytest

from reports.analysis.collect import read_study
from reports.figures import promised, style
from tests.reports.synthetic import arm, replicate, search, write_study


def study_of(folder, arms=("full", "bn"), **plan):
    """The default has 0.70, the best trial 0.90; fresh seeds 0.86 (validation) and 0.85 (test)."""
    rows = []
    for name in arms:
        rows += [search(name, 0, 0.70), search(name, 1, 0.90), replicate(name, 1000, 0.85)]
    given = [arm(name, "reference" if name == "full" else "baseline") for name in arms]
    return read_study(write_study(folder, rows, given, **plan))


def picture_of(study):
    return promised.picture(study, style.looks(study.arm_names, "full", "bn"))


def test_a_row_for_each_arm_from_the_default_to_the_test_data(tmp_path):
    found = picture_of(study_of(tmp_path / "s", search={"points": [{"rate": 0.1}]}))
    (axes,) = found.figure.axes
    marks = {(line.get_marker(), *line.get_ydata()): line.get_xdata() for line in axes.lines}
    assert marks["|", 0][0] == pytest.approx(70)
    assert marks["D", 0][0] == pytest.approx(90)
    discs = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    assert discs == pytest.approx([86, 85, 86, 85])
    assert "Stroke: the default values in the search" in found.caption


def test_without_a_first_point_there_is_no_stroke(tmp_path):
    assert "Stroke" not in picture_of(study_of(tmp_path / "s")).caption


def test_an_arm_far_behind_is_named(tmp_path):
    study = study_of(tmp_path / "s", arms=("full", "bn", "far"))
    trials = study.trials.copy()
    trials.loc[trials["arm"] == "far", ["val/accuracy", "test/accuracy"]] = 0.1
    found = picture_of(replace(study, trials=trials))
    assert "Too far behind for this axis: far." in found.caption
    assert [tick.get_text() for tick in found.figure.axes[0].get_yticklabels()] == ["full", "bn"]


def test_one_arm_alone_is_in_the_table(tmp_path):
    assert picture_of(study_of(tmp_path / "s", arms=("full",))) is None

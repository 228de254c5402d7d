"""The best value against the number of trials."""

import pytest

from reports.analysis.collect import read_study
from reports.figures import budget, style
from tests.reports.synthetic import arm, search, write_study

CAREFUL, TUNABLE = [0.80, 0.80, 0.80, 0.80], [0.95, 0.60, 0.60, 0.60]


def study_of(folder, **values):
    rows = [search(name, k, v) for name, found in values.items() for k, v in enumerate(found)]
    arms = [arm(name, "reference" if name == "full" else "baseline") for name in values]
    return read_study(write_study(folder, rows, arms))


def test_left_is_the_search_as_it_went_and_right_any_order(tmp_path):
    study = study_of(tmp_path / "s", full=[0.60, 0.90, 0.70])
    found = budget.picture(study, style.looks(["full"], "full"))
    left, right = found.figure.axes
    assert left.lines[0].get_ydata().tolist() == pytest.approx([60, 90, 90])
    # pairs: {60, 90}, {60, 70}, {90, 70}
    expected = [(60 + 90 + 70) / 3, (90 + 70 + 90) / 3, 90]
    assert right.lines[0].get_ydata().tolist() == pytest.approx(expected)
    assert "Finished trials: full 3." in found.caption


def test_a_ranking_that_the_budget_turns_is_said(tmp_path):
    turned = study_of(tmp_path / "s", full=CAREFUL, bn=TUNABLE)
    # the expected best of k of bn's four: 68.75, 77.5, 86.25, 95
    words = "full is ahead of bn with up to 2 trials, behind it with more"
    assert words in budget.flips_text(turned)
    alike = study_of(tmp_path / "t", full=CAREFUL, bn=[value - 0.1 for value in CAREFUL])
    assert budget.flips_text(alike).startswith("The order of the arms by expected best does not")
    assert budget.flips_text(study_of(tmp_path / "u", full=CAREFUL)) == ""


def test_nothing_searched_nothing_drawn(tmp_path):
    study = study_of(tmp_path / "s", full=[None])
    assert budget.picture(study, style.looks(["full"], "full")) is None

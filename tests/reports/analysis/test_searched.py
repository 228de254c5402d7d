"""What figures and tables of the searches share."""

import pandas as pd
import pytest

from reports.analysis import searched
from reports.analysis.collect import read_study
from reports.analysis.trials import Objective
from tests.reports.synthetic import arm, search, write_study

ACCURACY, LOSS = Objective("val/accuracy", True), Objective("val/loss", False)


def study_of(folder, **plan):
    rows = [search("full", 0, 0.7), search("full", 1, 0.9), search("full", 2, 0.9)]
    rows += [search("dead", 0, None)]
    return read_study(write_study(folder, rows, [arm("full"), arm("dead"), arm("bn")], **plan))


def test_an_arm_searched_if_a_trial_completed(tmp_path):
    assert searched.arms_searched(study_of(tmp_path / "s")) == ["full"]


def test_the_best_trial_is_the_earliest_of_equals(tmp_path):
    study = study_of(tmp_path / "s")
    assert searched.best_trial(study, "full")["number"] == 1
    assert searched.best_trial(study, "dead") is None
    lowest = study_of(tmp_path / "t", metric={"name": "val/loss", "mode": "min"})
    assert searched.best_trial(lowest, "full")["val/loss"] == pytest.approx(0.1)


def test_the_first_trial_has_the_default_values_only_where_the_study_file_gives_a_point(tmp_path):
    assert searched.default_trial(study_of(tmp_path / "s"), "full") is None
    study = study_of(tmp_path / "t", search={"points": [{"rate": 0.1}]})
    assert searched.default_trial(study, "full")["val/accuracy"] == 0.7
    assert searched.default_trial(study, "bn") is None


def test_an_objective_as_an_axis_says_it():
    assert (searched.label_of(ACCURACY), searched.scale_of(ACCURACY)) == ("val accuracy (%)", 100)
    assert (searched.label_of(LOSS), searched.scale_of(LOSS)) == ("val loss", 1)


def test_names_are_short_unless_two_end_alike():
    names = ["train.learning_rate", "circuit.init.gain", "model.options.gain"]
    assert list(searched.short_names(names).values()) == ["learning_rate", *names[1:]]


def test_the_axis_ends_below_the_values_near_the_best():
    """20 points below the best is far; a tenth of the rest's range is the margin."""
    values = pd.Series([0.2, 0.80, 0.90])
    assert searched.floor_of(values, ACCURACY) == pytest.approx(80 - 1)
    assert searched.floor_of(pd.Series([0.80, 0.90]), ACCURACY) is None
    assert searched.floor_of(values, LOSS) is None

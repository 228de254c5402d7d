"""Which searched parameters matter, for each arm."""

import pandas as pd

from reports.analysis.collect import read_study
from reports.analysis.importance import Importance
from reports.figures import importance
from tests.reports.synthetic import PARAMETERS, arm, search, write_study

GAIN, RATIO, RATE = "circuit.init.gain", "circuit.ei_ratio", "train.learning_rate"


def record(parameter, share):
    return Importance(parameter, share, share - 0.1, share + 0.1, null=0.2)


def study_of(folder):
    rows = [search("full", k, 0.8, **{RATE: 0.01 * (k + 1), GAIN: 1.0 + k}) for k in range(3)]
    return read_study(write_study(folder, rows, [arm("full")], parameters=PARAMETERS))


def test_a_row_for_each_arm_and_gaps_where_it_does_not_search(tmp_path):
    found = {"full": [record(RATE, 0.7), record(GAIN, 0.2)], "bn": [record(RATE, 0.5)], "new": []}
    shares = importance.importances(study_of(tmp_path / "s"), found)
    assert list(shares.columns) == [GAIN, RATE]  # the study file's order
    assert list(shares.index) == ["full", "bn"]
    assert shares.loc["full"].tolist() == [0.2, 0.7]
    drawn = importance.picture(study_of(tmp_path / "t"), shares).figure.axes[0]
    assert [text.get_text() for text in drawn.texts if text.get_text()] == ["0.20", "0.70", "0.50"]
    assert [tick.get_text() for tick in drawn.get_xticklabels()] == ["gain", "learning_rate"]


def test_the_most_important_come_first(tmp_path):
    study = study_of(tmp_path / "s")
    assert importance.most_important(study, pd.DataFrame(), 4) == [GAIN, RATE]  # as in the file
    shares = pd.DataFrame({RATE: [0.7, 0.3], GAIN: [0.1, 0.2]})
    assert importance.most_important(study, shares, 4) == [RATE, GAIN]
    assert importance.most_important(study, shares, 1) == [RATE]


def test_before_enough_trials_there_is_nothing(tmp_path):
    study = study_of(tmp_path / "s")
    assert importance.records(study) == {"full": []}
    assert importance.picture(study, importance.importances(study, {"full": []})) is None

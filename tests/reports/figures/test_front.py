import pandas as pd

from reports.analysis.collect import read_study
from reports.figures import front, style
from tests.reports.synthetic import arm, search, write_study


def test_front_by_hand():
    rows = pd.DataFrame({"cost": [1.0, 2.0, 3.0, 2.0, 0.5], "value": [0.5, 0.9, 0.8, 0.7, 0.1]})
    assert front.front_of(rows, higher=True).index.tolist() == [4, 0, 1]
    assert front.front_of(rows, higher=False).index.tolist() == [4]
    assert front.front_of(rows, higher=True, cheaper=False).index.tolist() == [2, 1]


def drawn(tmp_path, **plan):
    rows = [
        search("full", number, value, energy_nj=cost)
        for number, (value, cost) in enumerate([(0.5, 10.0), (0.9, 40.0), (None, 5.0)])
    ]
    rows += [search("bn", 0, 0.8, energy_nj=50.0)]
    study = read_study(
        write_study(tmp_path, rows, arms=[arm("full", "reference"), arm("bn", "baseline")], **plan)
    )
    return study, front.picture(study, style.looks(study.arm_names, "full", "bn"))


def test_the_figure_counts_completed_trials_and_rings_the_front(tmp_path):
    study, picture = drawn(tmp_path, second_objective={"name": "energy_nj", "mode": "min"})
    assert "n = 3" in picture.caption
    assert "(2 trials" in picture.caption
    axes = picture.figure.axes[0]
    assert axes.lines[-1].get_xdata().tolist() == [0.01, 0.04]  # in µJ
    assert front.trials(study, "energy_nj")["value"].tolist() == [0.5, 0.9, 0.8]


def test_one_objective_has_no_front(tmp_path):
    assert drawn(tmp_path)[1] is None

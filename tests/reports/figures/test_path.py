"""The executed path from the whole to the bare network."""

from reports.analysis import ablation
from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.figures.path import picture
from tests.reports.synthetic import factorial_study


def path_of(folder, **how):
    study = read_study(factorial_study(folder, **how))
    options = options_for(study)
    return picture(*ablation.cells(study, options), options)


def test_what_costs_most_is_taken_away_first(tmp_path):
    (axes,) = path_of(tmp_path / "f").figure.axes
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["whole", "− b", "− a", "− c"]
    means = axes.lines[-1].get_ydata()
    assert [round(float(mean) - 0.35, 6) for mean in means] == [74, 60, 50, 50]


def test_one_factor_is_no_path(tmp_path):
    assert path_of(tmp_path / "f", design=("leave_one_out",)) is None

"""A factorial design as one matrix."""

from reports.analysis import ablation
from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.figures.interactions import picture
from tests.reports.synthetic import factorial_study


def test_main_effects_stand_on_the_diagonal(tmp_path):
    study = read_study(factorial_study(tmp_path / "f"))
    options = options_for(study)
    factors, y = ablation.cells(study, options)
    found = picture(factors, y, options)
    texts = [text.get_text() for text in found.figure.axes[0].texts]
    assert texts == [
        *("+7.00", "−6.00", "0.00"),
        *("−6.00", "+17.00", "0.00"),
        *("0.00", "0.00", "0.00"),
    ]
    assert "n = 8 seeds" in found.caption


def test_without_a_value_there_is_no_matrix(tmp_path):
    study = read_study(factorial_study(tmp_path / "f"))
    options = options_for(study)
    factors, y = ablation.cells(study, options)
    empty = {present: values.head(0) for present, values in y.items()}
    assert picture(factors, empty, options) is None

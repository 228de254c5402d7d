import pytest

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from tests.reports.synthetic import add_insides, small_study


@pytest.fixture
def study(tmp_path):
    """The small study, with diagnostics and distributions of two arms."""
    folder = small_study(tmp_path / "small")
    for name in ("full", "bn"):
        add_insides(folder, name)
    return read_study(folder)


@pytest.fixture
def results(tmp_path):
    """The main table of the small study, by arm."""
    study = read_study(small_study(tmp_path / "small"))
    return {result.arm: result for result in main_table(study, options_for(study))}

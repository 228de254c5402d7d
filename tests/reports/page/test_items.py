"""Tables and figures one by one, for notebooks."""

import subprocess
import sys

import pytest

import reports
from reports.analysis.collect import StudyError
from tests.reports.synthetic import small_study


def test_tables_and_figures_for_a_notebook(tmp_path):
    folder = small_study(tmp_path / "small")
    assert reports.tables(folder)["main"].set_index("arm").loc["full", "mean"] == pytest.approx(
        0.97
    )
    figure = reports.figure(folder, "forest", width=3.3)
    assert figure.get_figwidth() == 3.3
    with pytest.raises(StudyError, match="no figure 'forrest'; there are forest, curves"):
        reports.figure(folder, "forrest")


def test_the_plotting_backend_stays_as_it_was(tmp_path):
    folder = small_study(tmp_path / "small")
    script = (
        "import matplotlib; matplotlib.use('svg'); import reports;"
        "before = dict(matplotlib.rcParams);"
        f"reports.figure({str(folder)!r}, 'forest');"
        "assert matplotlib.get_backend() == 'svg'; assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

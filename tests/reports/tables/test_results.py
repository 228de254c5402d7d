"""What is printed bold, by hand."""

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.tables.results import best_arms, short_table
from reports.tables.results import main_table as main
from tests.reports.synthetic import arm, replicate, write_study

VALUES = {
    "full": [0.90, 0.91, 0.92],
    "near": [0.89, 0.90, 0.94],  # its interval overlaps full's
    "far": [0.50, 0.51, 0.52],
    "lucky": [0.99],  # one seed is no ranking
}


def results_of(folder):
    rows = []
    for name, values in VALUES.items():
        rows += [replicate(name, k, value) for k, value in enumerate(values)]
    arms = [arm(name, "reference" if name == "full" else "baseline") for name in VALUES]
    study = read_study(write_study(folder, rows, arms, baseline=None))
    options = options_for(study)
    return study, main_table(study, options), options


def test_bold_respects_n_and_equals(tmp_path):
    _, results, options = results_of(tmp_path / "s")
    assert best_arms(results, options) == {"full", "near"}


def test_the_short_table_has_no_details(tmp_path):
    study, results, options = results_of(tmp_path / "s")
    long = main(study, results, options)
    short = short_table(study, results, options)
    assert [column.header for column in short.columns] == [
        "arm",
        "n",
        "trained",
        "test accuracy (%)",
        "− full",
        "replicates",
    ]
    assert {column.header for column in long.columns if column.detail} >= {"SD", "replicates"}
    assert long.rows[3][1].text == "1 of 3"

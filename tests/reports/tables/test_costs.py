"""What a replicate of each arm costs."""

import math

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.tables.costs import cost_table
from tests.reports.synthetic import arm, replicate, write_study


def test_a_cost_that_no_arm_measured_has_no_column(tmp_path):
    unmeasured = {"firing_rate": math.nan, "peak_memory_mb": math.nan}
    rows = [replicate("full", k, 0.9, energy_nj=1000.0 * (k + 1), **unmeasured) for k in range(3)]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    table = cost_table(main_table(study, options_for(study)), {})
    cells = dict(zip((column.header for column in table.columns), table.rows[0], strict=True))
    assert list(cells) == [
        "arm",
        "parameters",
        "s / epoch",
        "MACs / image (M)",
        "ACs / image (M)",
        "energy / image (µJ)",
    ]
    assert cells["parameters"].text == "52,340"
    assert cells["energy / image (µJ)"].text == "2.00"  # the mean of 1, 2 and 3
    assert table.frame["energy_nj"].tolist() == [2000.0]

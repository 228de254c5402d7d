"""What a study has cost."""

import math
from dataclasses import replace

import pytest

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.compute import compute, joules_by_arm
from reports.analysis.options import Options
from reports.paper.texts import compute_text
from reports.tables.costs import cost_table
from tests.reports.synthetic import small_study


def test_compute_counts_every_trial_once(tmp_path):
    folder = small_study(tmp_path / "small")
    found = compute(read_study(folder))
    assert [(share.name, share.trials) for share in found.shares] == [
        ("completed replicates", 9),
        ("trials that failed or did not end", 3),
    ]
    # Nine replicates of ten epochs of 1.2 seconds; those that diverged left no epoch.
    assert found.hours == pytest.approx(9 * 10 * 1.2 / 3600)
    assert found.per_run == pytest.approx(10 * 1.2 / 3600)


def test_measured_energy_is_that_of_all_trials(tmp_path):
    """2 J a trial, failed ones too: 12 trials of 3 a piece in 4 arms."""
    folder = small_study(tmp_path / "small")
    study = read_study(folder)
    assert math.isnan(compute(study).joules)  # nothing was measured
    unmeasured = cost_table(main_table(study, Options()), joules_by_arm(study))
    assert "kJ" not in str(unmeasured)
    measured = replace(study, trials=study.trials.assign(joules=2.0))
    assert compute(measured).joules == 24
    by_arm = joules_by_arm(measured)
    assert set(by_arm.values()) == {6.0}
    results = main_table(measured, Options())
    assert "measured, all trials (kJ)" in str(cost_table(results, by_arm))
    assert "0.0240 kJ" in compute_text(measured)

import math

import pytest

from reports.analysis.collect import read_study
from reports.analysis.compare import comparison_family, main_table
from reports.analysis.options import options_for
from reports.tables.text import main_table_text
from tests.reports.synthetic import arm, replicate, small_study, write_study


def test_means_and_intervals(results):
    full = results["full"]
    assert (full.n, full.planned) == (3, 3)
    assert full.mean == pytest.approx(0.97)
    assert full.sd == pytest.approx(0.01)
    assert (full.low, full.high) == pytest.approx((0.97 - 0.0248414, 0.97 + 0.0248414), abs=1e-6)
    assert full.other == pytest.approx(0.972)  # at the best validation epoch


def test_an_arm_that_only_diverged_has_no_number(results):
    dead = results["no_init"]
    assert (dead.n, dead.planned, dead.states) == (0, 3, {"replicate": {"diverged": 3}})
    assert all(map(math.isnan, (dead.mean, dead.low, dead.high, dead.differences["full"].mean)))
    assert dead.differences["full"].verdict == "no result yet"


def test_a_clear_difference_with_enough_seeds(tmp_path):
    rows = [replicate("full", 1000 + k, 0.9 + 0.001 * k) for k in range(8)] + [
        replicate("bn", 1000 + k, 0.8 + 0.002 * k) for k in range(8)
    ]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference"), arm("bn", "baseline")])
    )
    results = main_table(study, options_for(study))
    assert [r.verdict for result in results for r in result.differences.values()] == [
        "better",
        "worse",
    ]
    assert len(comparison_family(results, options_for(study))) == 1
    shown = next(
        line for line in main_table_text(tmp_path / "s").splitlines() if line.startswith("bn ")
    )
    assert "−9.45] worse *" in shown  # its caption explains the asterisk


def test_search_trials_never_enter(tmp_path):
    rows = [replicate("full", 1, 0.9), {**replicate("full", 2, 0.1), "kind": "search"}]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    assert main_table(study, options_for(study))[0].mean == pytest.approx(0.9)


def test_the_other_reading_and_other_metrics(tmp_path):
    study = read_study(small_study(tmp_path / "small"))
    assert main_table(study, options_for(study, at="best"))[0].mean == pytest.approx(0.972)
    loss = options_for(study, metric="test/loss")
    assert not loss.higher_is_better
    assert main_table(study, loss)[0].mean == pytest.approx(0.5)

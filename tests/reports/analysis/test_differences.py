"""Paired differences, judged as one family."""

import math

import pytest

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.analysis.verdicts import Verdict
from tests.reports.seven_seeds import sentences, study_of
from tests.reports.synthetic import arm, replicate, write_study


def test_differences_are_paired_by_seed(results):
    record = results["no_ste"].differences["full"]
    assert (record.n, record.mean) == (3, pytest.approx(-0.02))
    # Five tests are planned, no_init's two among them although it is dead: no_ste, no_init and bn
    # against full, no_ste and no_init against bn. The sd of the differences is 0.01.
    assert record.low == pytest.approx(-0.02 - 9.924843 * 0.01 / math.sqrt(3), abs=1e-6)
    assert record.p == pytest.approx(0.0741799, abs=1e-6)  # t = 3.4641 with 2 degrees of freedom
    assert record.p_corrected == pytest.approx(5 * 0.0741799, abs=1e-5)
    assert record.verdict == "undecided"
    assert record.more == 3  # t(5, 0.995) = 4.032 times 0.01 / sqrt(6) is less than 0.02
    # bn against full: 0.94-0.96, 0.96-0.97, 0.95-0.98
    assert results["bn"].differences["full"].mean == pytest.approx(-0.02)


def test_reference_against_baseline_is_one_test(results):
    there, back = results["full"].differences["bn"], results["bn"].differences["full"]
    assert there.mean == pytest.approx(-back.mean)
    assert there.p_corrected == back.p_corrected


def test_only_shared_seeds_pair(tmp_path):
    rows = [
        replicate("full", 1, 0.9),
        replicate("full", 2, 0.8),
        replicate("bn", 2, 0.7),
        replicate("bn", 3, 0.1),
    ]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference"), arm("bn", "baseline")])
    )
    record = main_table(study, options_for(study))[1].differences["full"]
    assert (record.n, record.mean) == (1, pytest.approx(-0.1))


def test_holm_finds_at_least_as_much(tmp_path):
    one = study_of(tmp_path / "s", correction="holm")
    lines = sentences(one)
    assert lines["no_init"].verdict is Verdict.NEEDED
    options = options_for(one)
    record = main_table(one, options)[1].differences["full"]
    assert not record.adjusted


def test_sign_flips_over_the_family(tmp_path):
    lines = sentences(study_of(tmp_path / "s", test="sign_flip"))
    assert lines["no_init"].verdict is Verdict.NEEDED
    assert lines["bn"].verdict is Verdict.WORSE
    assert lines["no_ste"].verdict is Verdict.UNDECIDED

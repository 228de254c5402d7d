"""Planned comparisons: numbers that a hand can check."""

import math

import pytest
from click.testing import CliRunner
from scipy import stats

from reports.__main__ import main
from reports.analysis.collect import StudyError, read_studies, read_study
from reports.analysis.options import options_for
from reports.page.page import write_report
from reports.tables import planned
from reports.tables.text import main_table_text
from tests.reports.pairs_of_depths import depths
from tests.reports.synthetic import arm, replicate, small_study, write_study


def test_a_pair_by_hand(tmp_path):
    study = read_study(depths(tmp_path / "depth"))
    first, second = planned.comparisons(study, options_for(study))
    assert (first.arm, first.record.against, first.record.n) == ("ei_2", "bn_2", 6)
    assert (first.mean, first.other) == (pytest.approx(0.835), pytest.approx(0.8))
    assert first.record.mean == pytest.approx(0.035)
    # The family is the page's: four arms against full, and the two pairs. t(5, 1 - 0.05 / 12) is
    # 4.2193; the variance of 1 to 6 hundredths is 3.5e-4.
    error = math.sqrt(0.00035 / 6)
    half = stats.t.isf(0.05 / 12, 5) * error
    assert (first.record.low, first.record.high) == pytest.approx((0.035 - half, 0.035 + half))
    p = 2 * stats.t.sf(0.035 / error, 5)
    assert first.record.p == pytest.approx(p)
    assert first.record.p_corrected == pytest.approx(6 * p)
    assert first.record.effect == pytest.approx(0.035 / math.sqrt(0.00035) * (1 - 3 / 19))
    assert first.record.verdict == "better"
    assert second.record.mean == pytest.approx(0)
    assert second.record.p == 1.0
    assert second.record.verdict == "undecided"


def test_only_shared_seeds_enter_both_means(tmp_path):
    rows = [
        replicate("full", 1, 0.9),
        replicate("full", 2, 0.8),
        replicate("bn", 2, 0.7),
        replicate("bn", 3, 0.1),
    ]
    study = read_study(
        write_study(
            tmp_path / "s",
            rows,
            [arm("full", "reference"), arm("bn", "baseline")],
            pairs=[["full", "bn"]],
        )
    )
    (item,) = planned.comparisons(study, options_for(study))
    assert (item.record.n, item.mean, item.other) == (1, pytest.approx(0.8), pytest.approx(0.7))


def test_the_table_everywhere(tmp_path):
    folder = depths(tmp_path / "depth")
    page = write_report(folder, formats=("html", "csv", "md", "tex"))
    assert {path.name for path in page.parent.glob("tables/planned.*")} == {
        "planned.csv",
        "planned.md",
        "planned.tex",
    }
    text = page.read_text()
    assert "Planned comparisons" in text
    line = next(
        line
        for line in main_table_text(folder).splitlines()
        if line.startswith("ei_2") and "bn_2" in line
    )
    wanted = "ei_2 bn_2 6 83.50 80.00 +3.50 [+0.28, +6.72] * 0.006 0.036 1.58 1.000 better –"
    assert line.split() == wanted.split()
    assert "Pairs named in the study file (report.pairs)" in text
    assert "hold together for the page&#39;s 6 comparisons" in text


def test_no_pairs_no_table(tmp_path):
    study = read_study(small_study(tmp_path / "small"))
    assert planned.table(study, options_for(study)) is None
    gone = read_study(depths(tmp_path / "depth"))
    gone.plan["pairs"] = [["ei_2", "an_arm_that_was_renamed"]]
    assert options_for(gone).pairs == ()


def test_a_pair_of_an_arm_without_a_value(tmp_path):
    study = read_study(small_study(tmp_path / "small"))
    options = options_for(study, pairs=[("full", "no_init"), ("full", "bn")])
    dead, alive = planned.comparisons(study, options)
    assert (dead.record.n, dead.record.verdict) == (0, "no result yet")
    assert alive.record.p_corrected == pytest.approx(5 * alive.record.p)
    table = planned.table(study, options)
    assert [cell.text for cell in table.rows[0]] == [
        "full",
        "no_init",
        "0",
        *["–"] * 6,
        "0.250",  # full trained in three seeds, no_init in none
        "–",
        "–",
    ]
    assert "hold together for the page's 5 comparisons" in table.caption


def test_pairs_on_the_command_line(tmp_path):
    one, two = depths(tmp_path / "one"), small_study(tmp_path / "two")
    arguments = [
        str(one),
        str(two),
        "--pair",
        "ei_2",
        "bn",
        "--pair",
        "full (one)",
        "full (two)",
        "--formats",
        "md",
    ]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "Comparisons asked for" in done.output
    assert "Pairs named on the command line (--pair)" in done.output
    study = read_studies([one, two])
    assert options_for(study).pairs == (("ei_2", "bn_2"), ("bn_4", "ei_4"))
    wrong = CliRunner().invoke(main, [str(one), "--pair", "ei_2", "bn_3"])
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "error: --pair: no arm 'bn_3' in this study; did you mean 'bn_4'?\n",
    )
    with pytest.raises(StudyError, match="an arm cannot be compared with itself; got bn twice"):
        options_for(study, pairs=[("bn", "bn")])

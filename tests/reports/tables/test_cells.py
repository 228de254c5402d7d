"""Cells that several tables share."""

from dataclasses import replace

from reports.analysis.options import Options
from reports.analysis.verdicts import Verdict
from reports.tables import cells
from reports.tables.table import Cell


def test_replicates_that_are_missing_are_counted(results):
    assert cells.n_cell(results["full"]) == Cell("3", 3)
    assert cells.n_cell(results["no_init"]) == Cell("0 of 3", 0)


def test_an_arm_that_did_not_train_has_wilsons_interval_beside_it(results):
    assert cells.trained_cell(results["full"]) == Cell("3 of 3", 1.0)
    dead = cells.trained_cell(results["no_init"])
    # z^2 / (n + z^2) = 3.84 / 6.84
    assert (dead.text, dead.value, dead.note, dead.tone) == ("0 of 3", 0.0, "0 to 56 %", "worse")


def test_a_difference_is_marked_where_the_verdict_says_so(results):
    record = replace(
        results["bn"].differences["full"], mean=-0.02, low=-0.03, high=-0.01, verdict=Verdict.WORSE
    )
    cell = cells.difference_cell(record, Options())
    assert (cell.text, cell.value) == ("−2.00 [−3.00, −1.00]", -0.02)
    assert (cell.significant, cell.tone, cell.note) == (True, "worse", "worse")
    open_ = cells.difference_cell(replace(record, verdict=Verdict.UNDECIDED), Options())
    assert (open_.significant, open_.tone, open_.note) == (False, "", "undecided")
    assert cells.difference_cell(None, Options()).text == "–"
    assert cells.difference_cell(results["no_init"].differences["full"], Options()).text == "–"


def test_values_have_their_interval(results):
    assert cells.value_cell(results["full"], Options(), bold=True).text == "97.00 [94.52, 99.48]"
    assert cells.value_cell(results["no_init"], Options()).text == "–"

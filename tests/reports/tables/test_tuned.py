"""What the searches chose, as tables."""

from reports.analysis.collect import read_study
from reports.tables.tuned import overtuning_table, tuned_table
from tests.reports.searches import searched_study
from tests.reports.synthetic import arm, write_study


def test_chosen_values_and_ranges_that_ask_to_be_wider(tmp_path):
    table = tuned_table(searched_study(tmp_path))
    rows = {row[1].text: [cell.text for cell in row[2:]] for row in table.rows}
    assert rows["circuit.init.gain"][0] == "3.90"
    assert rows["circuit.init.gain"][-1] == "near its high end"
    chosen, quarter, trials, edge = rows["train.learning_rate"]
    assert (chosen, trials, edge) == ("0.0100", "8", "–")
    assert " to " in quarter


def test_what_was_promised_and_what_held(tmp_path):
    (row,) = overtuning_table(searched_study(tmp_path)).rows
    wanted = ["full", "32", "95.00", "93.00", "−2.00", "92.00", "−1.00", "2"]
    assert [cell.text for cell in row] == wanted


def test_a_search_for_a_loss_is_in_its_own_unit(tmp_path):
    study = searched_study(tmp_path, metric={"name": "val/loss", "mode": "min"})
    (row,) = overtuning_table(study).rows
    assert row[5].text == "0.500"


def test_nothing_searched_no_table(tmp_path):
    study = read_study(write_study(tmp_path / "s", [], [arm("full")]))
    assert (tuned_table(study), overtuning_table(study)) == (None, None)

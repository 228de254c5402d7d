"""Effects as tables."""

from reports.analysis import ablation
from reports.analysis.collect import read_study
from reports.analysis.options import options_for
from reports.tables.effects import design_table, effect_table, missing_text
from tests.reports.synthetic import arm, factorial_study, replicate, write_study


def test_a_row_for_each_factor_and_a_column_for_each_kind(tmp_path):
    study = read_study(factorial_study(tmp_path / "f"))
    options = options_for(study)
    factors, y = ablation.cells(study, options)
    table = effect_table(factors, ablation.all_effects(factors, y, options), options)
    kinds = [ablation.TAKEN, ablation.ADDED, ablation.MAIN, ablation.SHAPLEY]
    assert [column.header for column in table.columns] == ["factor", *kinds]
    first = table.rows[0]
    means = [cell.text.partition(" ")[0] for cell in first]
    assert means == ["a", "+4.00", "+10.00", "+7.00", "+7.00"]
    assert first[1].note == "n = 8"
    assert "redundant" in table.caption


def test_terms_of_a_whole_design(tmp_path):
    study = read_study(factorial_study(tmp_path / "f", noise=0.001))
    table = design_table(study, options_for(study))
    terms = [row[0].text for row in table.rows]
    assert terms == ["a", "b", "c", "a × b", "a × c", "b × c", "a × b × c"]
    assert "adjusted for the table's 7 terms" in table.caption
    leave_one_out = read_study(factorial_study(tmp_path / "g", design=("leave_one_out",)))
    assert design_table(leave_one_out, options_for(leave_one_out)) is None


def test_combinations_without_a_value_are_named(tmp_path):
    rows = [replicate("full", 1, 0.9), replicate("no_a", 1, None)]
    arms = [arm("full", "reference"), arm("no_a", factors=["a"])]
    study = read_study(write_study(tmp_path / "s", rows, arms, factors={"a": {}}))
    found = missing_text(*ablation.cells(study, options_for(study)))
    assert found == "No value for: without a. Effects that need them are not shown."
    whole = read_study(factorial_study(tmp_path / "f"))
    assert missing_text(*ablation.cells(whole, options_for(whole))) == ""

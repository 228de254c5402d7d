"""The answer on top of the page."""

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.figures import style
from reports.page.answer import answer
from tests.reports.seven_seeds import study_of
from tests.reports.synthetic import arm, small_study, write_study


def answer_of(study):
    options = options_for(study)
    looks = style.looks(study.arm_names, options.reference, options.baseline)
    return answer(study, main_table(study, options), options, looks)


def test_the_reference_first_then_from_the_largest_loss_to_the_largest_gain(tmp_path):
    found = answer_of(study_of(tmp_path / "s", margin=0.01))
    assert [(entry.arm, entry.mark, entry.tone) for entry in found.entries] == [
        ("full", "reference", "reference"),
        ("no_init", "needed", "worse"),
        ("bn", "worse", "worse"),
        ("no_ste", "no effect", "quiet"),
    ]
    assert [entry.trained for entry in found.entries] == ["7 of 7", "0 of 7", "7 of 7", "7 of 7"]
    assert [row.arm for row in found.forest.rows] == [entry.arm for entry in found.entries]


def test_the_forest_draws_a_difference_about_the_references_mean(tmp_path):
    found = answer_of(study_of(tmp_path / "s", margin=0.01))
    rows = {row.arm: row for row in found.forest.rows}
    assert round(rows["full"].middle, 6) == 95.6
    assert round(rows["bn"].middle - rows["full"].middle, 2) == -1.99
    assert rows["bn"].low < rows["bn"].middle < rows["bn"].high
    assert (rows["no_init"].values, rows["no_init"].failed) == ((), 7)
    assert (found.forest.chance, found.forest.margin) == (10.0, 1.0)


def test_an_arm_without_a_value_comes_last(tmp_path):
    found = answer_of(read_study(small_study(tmp_path / "s")))  # chance is not known here
    assert {entry.arm for entry in found.entries[1:3]} == {"no_ste", "bn"}
    assert (found.entries[-1].arm, found.entries[-1].mark) == ("no_init", "no result")
    assert "about 3 more seeds would decide" in found.entries[1].sentence


def test_before_a_value_there_is_no_answer(tmp_path):
    study = read_study(write_study(tmp_path / "s", [], [arm("full", "reference")]))
    assert answer_of(study) is None

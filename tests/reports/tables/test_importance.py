"""Which parameters matter more than chance would show, as a table."""

from reports.analysis.collect import read_study
from reports.analysis.importance import Importance
from reports.tables.importance import table
from tests.reports.synthetic import PARAMETERS, arm, search, write_study

RATE, GAIN = "train.learning_rate", "circuit.init.gain"
FOUND = {
    "full": [Importance(RATE, 0.7, 0.6, 0.8, null=0.3), Importance(GAIN, 0.2, 0.1, 0.3, null=0.3)],
    "bn": [],
}


def study_of(folder):
    rows = [search("bn", k, 0.8, **{RATE: 0.01}) for k in range(2)]
    rows += [search("full", k, 0.8, **{RATE: 0.01}) for k in range(20)]
    return read_study(write_study(folder, rows, [arm("full"), arm("bn")], parameters=PARAMETERS))


def test_what_stands_out_is_bold_and_what_cannot_be_said_is_named(tmp_path):
    found = table(study_of(tmp_path / "s"), FOUND)
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["full", RATE, "0.70 [0.60, 0.80]", "0.30", "matters"],
        ["full", GAIN, "0.20 [0.10, 0.30]", "0.30", "not told from chance"],
    ]
    assert [row[2].bold for row in found.rows] == [True, False]
    assert found.caption.endswith("Not said: bn: 2 completed trials, importance needs 20.")
    assert found.frame["stands_out"].tolist() == [True, False]


def test_without_a_record_there_is_no_table(tmp_path):
    assert table(study_of(tmp_path / "s"), {"full": [], "bn": []}) is None

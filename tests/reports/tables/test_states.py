"""How the trials ended."""

from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.tables.states import all_states, state_table, states_text
from tests.reports.synthetic import arm, replicate, search, write_study


def test_states_in_words():
    assert states_text({"completed": 3, "out_of_memory": 1}) == "3 completed, 1 out of memory"
    assert states_text({}) == "none"


def test_a_row_for_each_arm_and_kind_with_the_most_frequent_reason(tmp_path):
    rows = [replicate("full", k, 0.9) for k in range(2)]
    rows += [replicate("full", 2 + k, None, retries=1) for k in range(2)]
    rows += [search("full", 0, 0.9), search("full", 1, 0.5, "pruned", reason="behind at epoch 4")]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    results = main_table(study, options_for(study))
    assert all_states(results[0]) == "2 completed, 2 diverged; search: 1 completed, 1 pruned"
    table = state_table(study, results)
    states = ("completed", "pruned", "diverged")
    wanted = ["arm", "kind", *states, "retries", "most frequent reason"]
    assert [column.header for column in table.columns] == wanted
    cells = {row[1].text: [cell.text for cell in row[2:]] for row in table.rows}
    assert cells == {
        "replicate": ["2", "0", "2", "2", "the loss is nan after epoch 2"],
        "search": ["1", "1", "0", "0", ""],
    }

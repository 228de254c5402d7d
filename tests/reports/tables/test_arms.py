"""What each arm is."""

from reports.analysis.collect import read_study
from reports.tables.arms import table
from tests.reports.synthetic import arm, write_study


def test_an_arm_is_its_base_and_what_it_changes(tmp_path):
    changed = arm("no_init", factors=["init"]) | {"overrides": {"circuit.init.scheme": "kaiming"}}
    slow = arm("slow", factors=["tau"], levels={"tau": "slow"}, searched=["train.learning_rate"])
    study = read_study(write_study(tmp_path / "s", [], [arm("full", "reference"), changed, slow]))
    found = table(study)
    base = "configs/EI-SNN/Digits-VGG4.yaml"
    assert [[cell.text for cell in row] for row in found.rows] == [
        ["full", "reference", "", base, "", ""],
        ["no_init", "ablation", "without init", base, "circuit.init.scheme: kaiming", ""],
        ["slow", "ablation", "tau: slow", base, "", "train.learning_rate"],
    ]
    assert found.frame["circuit.init.scheme"].iloc[1] == "kaiming"


def test_a_plan_without_arms_has_no_table(tmp_path):
    assert table(read_study(write_study(tmp_path / "s", [], []))) is None

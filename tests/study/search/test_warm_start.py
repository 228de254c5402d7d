"""What another study found out."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]


def test_a_search_begins_with_what_another_study_knows(world: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 3}
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    first = world(study_tree)
    first.play()
    study_tree["search"] = {"trials": 2, "from": str(first.folder)}
    study_tree["overrides"] = {"train.epochs": 3}  # other trials, so that none is the same one
    second = world(study_tree, "second")
    agenda = second.play()
    search = agenda.searches["full", 0]
    assert search.warmed_up == 3
    states = [trial.state.name for trial in search.optuna.get_trials()]
    assert states == ["COMPLETE"] * 5
    assert len([key for key in agenda.tables.rows if key[1] == "search"]) == 2
    assert str(world(study_tree, "second").play().searches["full", 0].warmed_up) == "3"

"""The search of one arm: its repeats, and its trials under another name."""

from __future__ import annotations

from typing import Any

from tests.study.search.asked import run

Tree = dict[str, Any]


def test_each_repeat_draws_and_trains_with_its_own_seed(searches: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 2, "repeats": 3}
    opened = searches(study_tree)
    rates = [
        run(opened["bn", repeat], 1)[0].parameters["train.learning_rate"] for repeat in range(3)
    ]
    assert len(set(rates)) == 3
    assert [opened["bn", repeat].seeds[0] for repeat in range(3)] == [0, 1, 2]
    names = sorted(search.optuna.study_name for search in opened.values())
    assert len(set(names)) == 9


def test_a_renamed_arm_keeps_its_trials(searches: Any, study_tree: Tree) -> None:
    before = run(searches(study_tree)["bn", 0], 2)
    study_tree["baselines"] = {"batch_norm": study_tree["baselines"].pop("bn")}
    after = searches(study_tree)["batch_norm", 0]
    assert [trial.id for trial in after.load()] == [trial.id for trial in before]
    assert after.optuna.study_name.startswith("batch_norm-")
    assert after.ask() is None

"""What a search proposes: the same draws for all arms, each trial once, and the same after a
kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.search.arm_search import ArmSearch
from study.search.storage import open_storage
from tests.study.search.asked import finite, run

Tree = dict[str, Any]


def test_all_arms_begin_with_the_same_draws(searches: Any, study_tree: Tree) -> None:
    study_tree["search"]["trials"] = 5
    found = {name: run(search, 5) for (name, _), search in searches(study_tree).items()}
    path = "train.learning_rate"
    rates = {name: [trial.parameters[path] for trial in trials] for name, trials in found.items()}
    assert rates["full"] == rates["no_straight_through"] == rates["bn"]
    assert "circuit.init.gain" not in found["bn"][0].parameters


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "grid"])
def test_a_space_that_is_smaller_than_the_budget_is_searched_whole(
    searches: Any, study_tree: Tree, sampler: str
) -> None:
    tree = finite(study_tree, [2, 4, 8], 12, sampler=sampler, startup=2)
    search = searches(tree)["full", 0]
    assert search.plan.search_trials(search.arm) == 3
    ratios = sorted(trial.parameters["circuit.ei_ratio"] for trial in run(search, 12))
    assert ratios == [2, 4, 8]
    assert search.count == search.budget == 3
    assert len(search.load()) == 3


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp"])
def test_each_configuration_is_tried_once(searches: Any, study_tree: Tree, sampler: str) -> None:
    tree = finite(study_tree, list(range(2, 14)), 8, sampler=sampler, startup=2)
    trials = run(searches(tree)["full", 0], 8)
    assert len({trial.id for trial in trials}) == 8


def test_a_kill_changes_no_later_proposal(plan_of: Any, study_tree: Tree, fast: Path) -> None:
    """Equal proposals and their fresh draws included: a new process proposes what this one
    would."""
    plan = plan_of(finite(study_tree, [2, 4, 8, 16, 32], 5, startup=2))
    undisturbed, _ = open_storage(fast)
    expected = [trial.id for trial in run(ArmSearch(undisturbed, plan, plan.reference), 5)]
    folder = fast / "killed"
    folder.mkdir()
    storage, _ = open_storage(folder)
    found = []
    for _ in range(5):
        search = ArmSearch(storage, plan, plan.reference)
        search.load()
        found += [trial.id for trial in run(search, 1)]
    assert found == expected


def test_points_come_first(world: Any, study_tree: Tree) -> None:
    point = {"circuit.init.gain": 1.0, "train.learning_rate": 0.01}
    study_tree["search"]["points"] = [point]
    rows = world(study_tree).play().tables.rows
    assert {name: rows[("full", "search", 0, 0, 0)][name] for name in point} == point
    assert rows[("bn", "search", 0, 0, 0)]["train.learning_rate"] == 0.01
    assert rows[("bn", "search", 0, 1, 0)]["train.learning_rate"] != 0.01

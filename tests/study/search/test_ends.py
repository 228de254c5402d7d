"""How the trials of a search end, and what Optuna hears of it."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from tests.study.search.asked import studies_of

Tree = dict[str, Any]
SECOND = {"second_objective": {"name": "energy_nj"}}


BEFORE_5 = int(optuna.__version__.split(".")[0]) < 5


@pytest.mark.skipif(BEFORE_5, reason="Optuna 4 has no such constraints")
def test_optuna_hears_of_constraints(searches: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 2, "constraints": {"energy_nj": {"max": 500, "min": 10}}}
    search = searches(study_tree)["bn", 0]
    for energy in (400.0, 700.0):
        proposal = search.ask()
        assert proposal is not None
        metrics = {"val/accuracy": energy / 1000, "energy_nj": energy}
        search.tell(proposal.number, "completed", metrics, None)
    told = [trial.constraints for trial in search.optuna.get_trials()]
    assert told == [
        {"energy_nj max": -100.0, "energy_nj min": -390.0},
        {"energy_nj max": 200.0, "energy_nj min": -690.0},
    ]
    assert search.optuna.best_trial.number == 0  # the more accurate one breaks the constraint


@pytest.mark.parametrize("kind", ["asha", "median"])
def test_a_trial_that_finished_its_last_epoch_is_never_pruned(
    searches: Any, study_tree: Tree, kind: str
) -> None:
    """The worst of seven is stopped after the first of two epochs, never after the second."""
    study_tree["search"] = {"trials": 8, "pruner": {"type": kind, "grace_epochs": 1}}
    if kind == "median":
        study_tree["search"]["pruner"]["startup_trials"] = 2
    search = searches(study_tree)["full", 0]
    for rank in range(6):
        number, value = search.ask().number, 0.5 + rank / 100  # each is better than those before
        assert not search.should_stop(number, 1, value)
        assert not search.should_stop(number, 2, value)
        search.tell(number, "completed", {"val/accuracy": value}, None)
    assert search.should_stop(search.ask().number, 1, 0.1)
    last = search.ask().number
    assert not search.should_stop(last, 2, 0.1)


@pytest.fixture
def two(study_tree: dict[str, Any]) -> dict[str, Any]:
    return {
        **study_tree,
        **SECOND,
        "search": {"trials": 4, "startup": 2},
        "replicate": {"seeds": 1},
        "baselines": {},
    }


def test_optuna_is_told_both_and_the_arm_keeps_its_best_metric(
    world: Any, two: dict[str, Any]
) -> None:
    played = world(two)
    agenda = played.play()
    for study in studies_of(played):
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    rows = [
        row
        for row in agenda.tables.rows.values()
        if row["kind"] == "search" and row["arm"] == "full"
    ]
    told = {tuple(trial.values) for study in studies_of(played) for trial in study.trials}
    assert {(row["val/accuracy"], row["energy_nj"]) for row in rows} <= told
    best = max(rows, key=lambda row: row["val/accuracy"])
    replicate = next(
        row
        for row in agenda.tables.rows.values()
        if row["kind"] == "replicate" and row["arm"] == "full"
    )
    assert replicate["train.learning_rate"] == best["train.learning_rate"]


def test_a_killed_search_of_two_objectives_ends_the_same(
    world: Any, two: dict[str, Any], rows_of: Any, killed: Any
) -> None:
    expected = rows_of(world(two, "undisturbed").play())
    disturbed = world(two, "killed")
    for events in (5, 7):
        with pytest.raises(killed):
            disturbed.play(events=events)
    assert rows_of(disturbed.play()) == expected

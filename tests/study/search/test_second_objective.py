"""Two objectives: Optuna hears of both and of failures truthfully, kills change nothing, and the
study file is held to what can be."""

from typing import Any

import optuna
import pytest

from eisnn.config.yaml_file import ConfigError

SECOND = {"second_objective": {"name": "energy_nj"}}


@pytest.fixture
def two(study_tree: dict[str, Any]) -> dict[str, Any]:
    return {
        **study_tree,
        **SECOND,
        "search": {"trials": 4, "startup": 2},
        "replicate": {"seeds": 1},
        "baselines": {},
    }


def searches(world: Any) -> list[optuna.Study]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{world.folder}/optuna.db")
    return [
        optuna.load_study(study_name=summary.study_name, storage=storage)
        for summary in storage.get_all_studies()
    ]


def test_optuna_is_told_both_and_the_arm_keeps_its_best_metric(
    world: Any, two: dict[str, Any]
) -> None:
    played = world(two)
    agenda = played.play()
    for study in searches(played):
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    rows = [
        row
        for row in agenda.tables.rows.values()
        if row["kind"] == "search" and row["arm"] == "full"
    ]
    told = {tuple(trial.values) for study in searches(played) for trial in study.trials}
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


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            {"trials": 2, "pruner": {"type": "asha"}},
            "search.pruner.type: must be none with a second_objective",
        ),
        (
            {"trials": 2, "diverged": "worst"},
            "search.diverged: must be fail with a second_objective",
        ),
    ],
)
def test_what_two_objectives_exclude_is_refused(
    plan_of: Any, study_tree: dict[str, Any], search: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of({**study_tree, **SECOND, "search": search})


def test_a_test_metric_is_no_objective(plan_of: Any, study_tree: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"second_objective.name: must be .*given 'test/accuracy'"
    ):
        plan_of({**study_tree, "second_objective": {"name": "test/accuracy"}})

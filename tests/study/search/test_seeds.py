"""``search.seeds``: configurations judged by their mean over seeds, stopped between them."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from reports.analysis.collect import read_study
from reports.analysis.trials import trials_of
from reports.page.status import progress
from study import store
from study.plan import plan_record
from tests.study.search.asked import studies_of

Tree = dict[str, Any]


def seeded(tree: Tree, seeds: int = 3, trials: int = 3, **more: Any) -> Tree:
    return {
        **tree,
        "search": {"trials": trials, "startup": 1, "seeds": seeds, **more},
        "baselines": {},
        "ablation": {},
    }


def wilcoxon(tree: Tree) -> Tree:
    return seeded(tree, 6, 6, pruner={"type": "wilcoxon", "p_threshold": 0.3})


def test_optuna_holds_each_seeds_value_and_the_mean(world: Any, study_tree: Tree) -> None:
    played = world(seeded(study_tree))
    agenda = played.play()
    rows = [row for row in agenda.tables.rows.values() if row["kind"] == "search"]
    assert sorted((row["number"], row["seed_index"]) for row in rows) == [
        (number, index) for number in range(3) for index in range(3)
    ]
    assert {row["seed"] for row in rows} == {0, 10_000, 20_000}
    means = {}
    for trial in studies_of(played)[0].trials:
        values = {r["seed_index"]: r["val/accuracy"] for r in rows if r["number"] == trial.number}
        assert trial.intermediate_values == values
        assert trial.value == pytest.approx(sum(values.values()) / 3)
        means[trial.number] = trial.value
    chosen = agenda.chosen["full", 0]
    assert chosen is not None
    assert chosen.number == max(means, key=lambda number: means[number])
    with open(played.folder / "trials.csv") as file:
        assert "seed_index" in next(csv.reader(file))
    played.play()
    assert str(played.diff) == "+0 new  =11 kept  -0 retired"


def test_reports_take_the_means(world: Any, study_tree: Tree) -> None:
    played = world(seeded(study_tree))
    agenda = played.play()
    store.write_json(played.folder / "plan.json", plan_record(played.plan))
    study = read_study(played.folder)
    found = trials_of(study, "full")
    told = [trial.value for trial in studies_of(played)[0].trials]
    assert list(found["value"]) == pytest.approx(told)
    assert progress(study).is_complete
    assert agenda.finished


@pytest.mark.parametrize("make", [seeded, wilcoxon])
def test_killed_between_events_it_ends_the_same(
    world: Any, study_tree: Tree, rows_of: Any, killed: Any, make: Any
) -> None:
    tree = make(study_tree)
    undisturbed = world(tree, "undisturbed")
    expected = rows_of(undisturbed.play())
    events = len(undisturbed.trained) + 3 * len(expected)
    for kill in range(4, events - 6, 23):
        disturbed = world(tree, f"killed-{kill}")
        for more in (kill, 3):
            with pytest.raises(killed):
                disturbed.play(events=more)
        assert rows_of(disturbed.play()) == expected
        assert sorted(disturbed.trained) == sorted(undisturbed.trained)


def test_a_hopeless_configuration_is_stopped_and_its_other_seeds_are_not_asked_for(
    world: Any, study_tree: Tree
) -> None:
    played = world(wilcoxon(study_tree))
    agenda = played.play()
    pruned = [trial for trial in studies_of(played)[0].trials if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        rows = [
            r
            for r in agenda.tables.rows.values()
            if r["kind"] == "search" and r["number"] == trial.number
        ]
        assert len(rows) == len(trial.intermediate_values) < 6
        assert "stopped after" in rows[-1]["reason"]
    store.write_json(played.folder / "plan.json", plan_record(played.plan))
    assert progress(read_study(played.folder)).is_complete
    played.play()
    assert played.diff.new == 0


def test_more_seeds_keep_the_trials_that_are_there(world: Any, study_tree: Tree) -> None:
    before = world(seeded(study_tree, 1)).play()
    there = {row["id"] for row in before.tables.rows.values() if row["kind"] == "search"}
    more = world(seeded(study_tree, 3))
    more.play()
    # Replicates wait for the choice, which may change, so both count as new and as retired here.
    assert str(more.diff) == "+8 new  =3 kept  -2 retired"
    assert not there & {identity for identity, _ in more.trained}


def test_a_lost_database_is_rebuilt_from_the_folders(
    world: Any, study_tree: Tree, rows_of: Any
) -> None:
    played = world(seeded(study_tree))
    before, trained = rows_of(played.play()), len(played.trained)
    (played.folder / "optuna.db").unlink()
    assert rows_of(played.play()) == before
    assert len(played.trained) == trained

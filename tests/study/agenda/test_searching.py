"""Searches become jobs, and epochs ask the pruner."""

from __future__ import annotations

from typing import Any

from study import store

Tree = dict[str, Any]
MEDIAN = {"type": "median", "startup_trials": 1}


def test_all_searches_come_forward_together(world: Any, study_tree: Tree) -> None:
    """The one that has proposed least is next, whatever ends first."""
    agenda = world(study_tree).open()
    jobs = [agenda.next() for _ in range(6)]
    assert [(job.arm, job.number) for job in jobs] == [
        ("full", 0),
        ("no_straight_through", 0),
        ("bn", 0),
        ("full", 1),
        ("no_straight_through", 1),
        ("bn", 1),
    ]
    assert agenda.next() is None  # replicates wait for the ends


def test_the_pruner_sees_the_best_epoch_so_far_where_that_is_the_metric(
    world: Any, study_tree: Tree
) -> None:
    study_tree |= {
        "metric": {"name": "val/accuracy_best"},
        "search": {"trials": 2, "pruner": MEDIAN},
        "overrides": {"train.epochs": 4},
    }
    agenda = world(study_tree).open()
    job = agenda.next()
    folder = store.trial_folder(agenda.folder, job.id)
    folder.mkdir(parents=True)
    rows = []
    for epoch, value in enumerate((0.5, 0.25, 0.75), start=1):
        row = dict.fromkeys(store.EPOCH_METRICS, 0.0) | {"epoch": epoch, "val/accuracy": value}
        rows.append(row)
        store.write_history(folder, rows)
        assert not agenda.searching.is_stopped(job, row)
    (trial,) = agenda.searches[job.slot].optuna.get_trials()
    assert trial.intermediate_values == {1: 0.5, 2: 0.5, 3: 0.75}


def test_a_replicate_is_never_stopped(world: Any, study_tree: Tree) -> None:
    study_tree |= {"tune": "none", "baselines": {}, "ablation": {}}
    agenda = world(study_tree).open()
    job = agenda.next()
    assert not agenda.searching.is_stopped(job, {"epoch": 1, "val/accuracy": 0.0})

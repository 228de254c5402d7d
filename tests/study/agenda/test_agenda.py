"""The order of work from beginning to end: without Ray, with a stand-in for training."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.study.agenda.played import optuna_states

Tree = dict[str, Any]


def test_a_study_from_beginning_to_end(world: Any, study_tree: Tree, rows_of: Any) -> None:
    agenda = (played := world(study_tree)).play()
    rows = list(agenda.tables.rows.values())
    assert Counter((row["arm"], row["kind"]) for row in rows) == {
        (arm, kind): 2
        for arm in ("full", "no_straight_through", "bn")
        for kind in ("search", "replicate")
    }
    assert {row["state"] for row in rows} == {"completed"}
    assert {row["seed"] for row in rows if row["kind"] == "search"} == {0}
    assert [row["seed"] for row in rows if row["kind"] == "replicate" and row["arm"] == "bn"] == [
        1000,
        1001,
    ]
    assert all((row["test/accuracy"] is not None) == (row["kind"] == "replicate") for row in rows)
    for arm in ("full", "bn"):
        searched = [row for row in rows if row["arm"] == arm and row["kind"] == "search"]
        best = max(searched, key=lambda row: row["val/accuracy"])
        replicate = next(row for row in rows if row["arm"] == arm and row["kind"] == "replicate")
        assert replicate["train.learning_rate"] == best["train.learning_rate"]
    assert optuna_states(played) == {"COMPLETE": 6}
    again = played.play()
    assert rows_of(again) == rows_of(agenda)
    assert len(played.trained) == 12 * 2  # and the second run trained nothing


def test_equal_trials_are_trained_once(world: Any, study_tree: Tree) -> None:
    study_tree["tune"] = "none"
    study_tree["baselines"] = {"twin": {"circuit.prop.straight_through": False}}
    played = world(study_tree)
    agenda = played.play()
    assert len(agenda.tables.rows) == 6
    assert len({row["id"] for row in agenda.tables.rows.values()}) == 4
    assert len(played.trained) == 4 * 2


def test_an_equal_trial_that_runs_is_waited_for(world: Any, study_tree: Tree) -> None:
    study_tree["tune"] = "none"
    study_tree["baselines"] = {"twin": {"circuit.prop.straight_through": False}}
    agenda = world(study_tree).open()
    jobs = [agenda.next() for _ in range(4)]
    assert agenda.next() is None
    assert len({job.id for job in jobs}) == 4
    assert sum(map(len, agenda.queue.followers.values())) == 2


def test_out_of_memory_is_tried_again_alone(world: Any, study_tree: Tree, fit: Any) -> None:
    crowded: set[int] = set()

    def once(config: Any, **options: Any) -> dict[str, float]:
        if config.model.norm == "bn" and config.seed not in crowded:
            crowded.add(config.seed)
            raise MemoryError
        return fit(config, **options)

    agenda = world(study_tree).play(fit=once)
    assert {row["state"] for row in agenda.tables.rows.values()} == {"completed"}


def test_a_dead_worker_is_replaced_and_then_given_up(world: Any, study_tree: Tree) -> None:
    agenda = world(study_tree).open()
    for death in range(3):
        job = agenda.next()
        assert (job.arm, job.number) == ("full", 0)
        assert agenda.end(job, None, "the worker died").state == (
            "interrupted" if death < 2 else "failed"
        )
    assert agenda.next().arm == "no_straight_through"
    assert agenda.tables.rows[("full", "search", 0, 0, 0)]["reason"] == "the worker died"


def test_a_lost_machine_does_not_use_up_the_retries(world: Any, study_tree: dict[str, Any]) -> None:
    agenda = world(study_tree).open()
    job = agenda.next()
    most = study_tree.get("retry", {}).get("dead_worker", 2)
    for _ in range(most + 3):
        ended = agenda.end(job, None, "its machine was lost", machine_lost=True)
        assert not ended.state.is_final
        assert agenda.next().id == job.id
    for _ in range(most):
        assert not agenda.end(job, None, "the worker died").state.is_final
        assert agenda.next().id == job.id
    assert agenda.end(job, None, "the worker died").state == "failed"

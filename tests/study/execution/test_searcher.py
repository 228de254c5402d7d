"""Tune's searcher asks the agenda, and tells it of ends: a whole study without Ray's processes."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from ray.tune.search import Searcher

from study.errors import Stopped
from study.execution.searcher import AgendaSearcher
from study.store.records import Order
from study.worker import trial

Tree = dict[str, Any]


def ended(config: Tree) -> Tree:
    """What a worker reports last of the job in ``config``."""
    order = Order.from_json(json.loads(config["job"]))
    return {"outcome": json.dumps(trial.run(order, lambda row: None).to_json())}


def test_jobs_are_handed_out_while_there_is_room_until_all_is_done(
    jobs_of: Any, study_tree: Tree
) -> None:
    jobs = jobs_of(study_tree)
    searcher = AgendaSearcher(jobs)
    first, second = searcher.suggest("1"), searcher.suggest("2")
    assert first["bundle"] == second["bundle"] == {"CPU": 1.0}
    assert searcher.suggest("3") is None  # both CPUs are taken: ask again later
    searcher.on_trial_complete("1", ended(first))
    searcher.on_trial_complete("2", ended(second))
    handed = 2
    while (config := searcher.suggest(str(handed + 1))) != Searcher.FINISHED:
        handed += 1
        searcher.on_trial_complete(str(handed), ended(config))
    assert handed == len(jobs.agenda.tables.rows) == 12
    assert {row["state"] for row in jobs.agenda.tables.rows.values()} == {"completed"}


def test_an_order_says_all_that_a_worker_needs(jobs_of: Any, study_tree: Tree) -> None:
    jobs = jobs_of(study_tree)
    order = Order.from_json(json.loads(AgendaSearcher(jobs).suggest("1")["job"]))
    (job,) = jobs.agenda.running.values()
    assert (order.id, order.config, order.role) == (job.id, job.config, job.role)
    assert (order.cpu, order.gpu, order.environment) == (1.0, 0.0, "key")


def test_a_fault_of_ours_is_no_trials_fault(
    jobs_of: Any, study_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = jobs_of(study_tree)

    def broken() -> None:
        raise OSError("no such device")

    monkeypatch.setattr(jobs.agenda, "next", broken)
    with pytest.raises(Stopped, match="OSError: no such device"):
        AgendaSearcher(jobs).suggest("1")
    assert isinstance(jobs.problem, OSError)


def test_tunes_snapshots_hold_nothing_of_ours(jobs_of: Any, study_tree: Tree) -> None:
    """Tune pickles its searcher; the agenda with its database could not be."""
    searcher = AgendaSearcher(jobs_of(study_tree))
    assert not vars(pickle.loads(pickle.dumps(searcher)).jobs)
    assert searcher.get_state() == {}

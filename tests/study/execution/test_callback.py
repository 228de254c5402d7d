"""Tune's steps are ticks of ours, and nothing of a trial that has ended is kept."""

from __future__ import annotations

from typing import Any

import pytest
from ray.tune.experiment import Trial

from study.errors import Stopped
from study.execution.callback import Silent, Tick

Tree = dict[str, Any]


def test_each_step_writes_the_tables_and_ticks(jobs_of: Any, study_tree: Tree) -> None:
    ticks: list[int] = []
    jobs = jobs_of(study_tree, lambda: ticks.append(1))
    Tick(jobs).on_step_end(0, [])
    Tick(jobs).on_step_end(1, [])
    assert len(ticks) == 2
    assert (jobs.agenda.folder / "trials.csv").exists()
    assert jobs.agenda.spending.at_once == 2  # two CPUs


def test_a_signal_stops_at_the_next_step(jobs_of: Any, study_tree: Tree) -> None:
    jobs = jobs_of(study_tree)
    jobs.interrupted.cause = Stopped("SIGTERM")
    with pytest.raises(Stopped, match="SIGTERM"):
        Tick(jobs).on_step_end(0, [])


def test_a_tick_that_fails_ends_the_study_with_its_reason(jobs_of: Any, study_tree: Tree) -> None:
    def full_disk() -> None:
        raise OSError(28, "No space left on device")

    jobs = jobs_of(study_tree, full_disk)
    with pytest.raises(Stopped, match="No space left on device"):
        Tick(jobs).on_step_end(0, [])
    assert isinstance(jobs.problem, OSError)


def test_means_of_trials_that_have_ended_are_dropped(jobs_of: Any, study_tree: Tree) -> None:
    ended = Trial("of_ours", stub=True)
    ended.update_last_result({"val/accuracy": 0.5, "training_iteration": 1})
    assert ended.metric_analysis
    Tick(jobs_of(study_tree)).on_trial_complete(0, [], ended)
    assert not ended.metric_analysis
    assert not ended.metric_n_steps


def test_tune_prints_nothing() -> None:
    assert not Silent().should_report([], done=True)

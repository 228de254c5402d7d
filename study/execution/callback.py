"""Tune's callback, which ticks after each of its steps, and a reporter that prints nothing."""

from __future__ import annotations

from typing import Any

from ray.tune import Callback, ProgressReporter

from study.execution.tune_jobs import TuneJobs


class Tick(Callback):
    def __init__(self, jobs: TuneJobs) -> None:
        self.jobs = jobs

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.jobs.guard(self.jobs.tick)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Drops Tune's running means, which would take 30 kB for every trial."""
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()

    on_trial_error = on_trial_complete


class Silent(ProgressReporter):
    def should_report(self, trials: list[Any], done: bool = False) -> bool:
        return False

    def report(self, trials: list[Any], done: bool, *sys_info: Any) -> None: ...

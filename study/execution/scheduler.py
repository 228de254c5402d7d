"""Tune's scheduler: passes each epoch to the agenda, which says whether the trial stops."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from study.execution.tune_jobs import Death, TuneJobs

# Ray's words for a worker whose machine has died or cannot be reached.
MACHINE_LOST = ("node has died", "node died", "node is dead", "unavailable", "keepalive")


class AgendaScheduler(FIFOScheduler):
    def __init__(self, jobs: TuneJobs) -> None:
        super().__init__()
        self.jobs = jobs

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        stop = self.jobs.guard(lambda: self.jobs.result(trial.trial_id, result))
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self.jobs.deaths[trial.trial_id] = death(trial.error_file)

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Leaves the choice to Tune, which does not search through all trials at every step."""
        return


def death(error_file: str | None) -> Death:
    """Reads from Ray's report why a worker died, and whether its machine was lost."""
    line = _telling_line(error_file)
    lost = any(words in line.lower() for words in MACHINE_LOST)
    what = "its machine was lost" if lost else "the worker died"
    return Death(f"{what}: {line}", lost)


def _telling_line(error_file: str | None) -> str:
    lines: list[str] = []
    with contextlib.suppress(OSError, TypeError):
        text = Path(str(error_file)).read_text(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "nothing more is known"
    for line in lines:
        if "died" in line or "Error" in line:
            return line[:300]
    return lines[-1][:300]

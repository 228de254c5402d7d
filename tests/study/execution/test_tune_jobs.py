"""Tune's events, told to the agenda."""

from __future__ import annotations

import json
import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import pytest

from study.errors import Stopped
from study.execution.display import Display
from study.execution.portion import Portion
from study.execution.signals import interruption
from study.execution.tune_jobs import TuneJobs
from study.worker import trial


def test_a_trial_that_ends_while_a_signal_comes_is_not_left_running(
    world: Any, study_tree: dict[str, Any], fit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eisnn.fit", fit, raising=False)
    agenda = world(study_tree).open()
    job = agenda.next()
    outcome = trial.run(agenda.order(job), lambda row: None)
    record = agenda.outcomes.record

    def recorded_while_a_signal_comes(*arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
        record(*arguments)

    monkeypatch.setattr(agenda.outcomes, "record", recorded_while_a_signal_comes)

    def study() -> None:
        with interruption() as found:
            share = SimpleNamespace(nodes=[])
            jobs = TuneJobs(
                agenda,
                Display(),
                share,
                environment="",
                code=None,
                on_tick=lambda: None,
                interrupted=found,
            )
            jobs.jobs["1"], jobs.portions["1"] = job, Portion(1.0)
            jobs.end("1", {"outcome": json.dumps(outcome.to_json())})

    with pytest.raises(Stopped, match="SIGTERM"):
        study()
    agenda.interrupt()
    assert agenda.tables.rows[job.key]["state"] == "completed"

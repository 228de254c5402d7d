"""Tune's jobs over a machine as Ray would describe it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from study.execution.display import Display
from study.execution.shares import Share
from study.execution.signals import Interruption
from study.execution.tune_jobs import TuneJobs
from study.worker import trial

NODE = {"Alive": True, "Resources": {"CPU": 2.0}}


@pytest.fixture
def jobs_of(world: Any, monkeypatch: pytest.MonkeyPatch, fit: Any) -> Callable[..., TuneJobs]:
    """The jobs of a study tree on a machine with two CPUs; training is the stand-in."""
    import ray

    monkeypatch.setattr(ray, "nodes", lambda: [NODE])
    monkeypatch.setattr("eisnn.fit", fit, raising=False)

    def make(tree: dict[str, Any], on_tick: Callable[[], None] = lambda: None) -> TuneJobs:
        agenda, display = world(tree).open(), Display()
        share = Share(agenda.plan, agenda.folder, None, trial.probe, display.note)
        return TuneJobs(
            agenda,
            display,
            share,
            environment="key",
            code=None,
            on_tick=on_tick,
            interrupted=Interruption(),
        )

    return make

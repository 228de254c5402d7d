"""What is looked at while a study runs: its hours over all runs, and the room on its disk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from study import store
from study.clock import Clock, DiskWatch
from study.errors import Stopped

Tree = dict[str, Any]


def test_hours_are_counted_over_all_runs(
    world: Any, study_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an hour in an earlier run, and a minute in this one."""
    now = iter([100.0, 160.0, 160.0])
    monkeypatch.setattr("study.clock.time", SimpleNamespace(monotonic=lambda: next(now)))
    played = world(study_tree)
    agenda = played.open()
    store.write_json(agenda.folder / "clock.json", {"seconds": 1800.0})
    again = played.open()
    assert again.spending.seconds == 1800.0
    Clock(again).save()
    kept = store.read_json(agenda.folder / "clock.json")
    assert kept is not None
    assert kept["seconds"] == 1860.0


def test_a_trial_that_runs_when_the_hours_are_over_is_stopped(world: Any, study_tree: Tree) -> None:
    study_tree["budget"] = {"hours": 0.5}
    agenda = world(study_tree).open()
    clock = Clock(agenda)
    clock.before = 1801.0
    clock.tick()  # nothing runs: the study ends by itself
    clock.before = 0.0
    clock.tick()
    assert agenda.next() is not None
    clock.tick()
    clock.before = 1801.0
    with pytest.raises(Stopped, match=r"the budget of 0\.5 hours is used up; raise budget\.hours"):
        clock.tick()


def test_a_disk_that_fills_stops_the_study_before_it_is_full(
    world: Any, study_tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    agenda = world(study_tree).open()
    sizes = {arm.name: 1000 for arm in agenda.plan.arms}
    monkeypatch.setattr("study.clock.SECONDS_BETWEEN_LOOKS", 3600.0)
    watch = DiskWatch(agenda, lambda: sizes)
    watch.tick()
    monkeypatch.setattr(store, "free_bytes", lambda folder: 1000)
    watch.tick()  # not yet time for another look
    with pytest.raises(Stopped, match="are free on this disk, and the study needs about"):
        DiskWatch(agenda, lambda: sizes).tick()

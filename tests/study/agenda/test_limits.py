"""A study stops when its trials fail for a reason that will not go away."""

from __future__ import annotations

import errno
from typing import Any

from study.agenda.limits import senseless
from study.store.records import Outcome, State
from tests.study.agenda.played import failing

Tree = dict[str, Any]


def test_failures_of_one_reason_stop_a_study() -> None:
    failed = [Outcome(name, State.FAILED, reason="KeyError: 'x'") for name in "abc"]
    assert "the first 3 trials all failed with: KeyError" in str(senseless(failed, 0.5))
    mixed = [*failed[:2], Outcome("c", State.FAILED, reason="else")]
    assert senseless(mixed, 0.5) is None


def test_a_full_disk_stops_the_study_which_goes_on_once_there_is_room(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    played = world(study_tree)
    agenda = played.play(fit=failing(fit, OSError(errno.ENOSPC, "No space left on device")))
    assert (
        "the disk is full: OSError: [Errno 28] No space left on device; make room" in agenda.fatal
    )
    assert {row["state"] for row in played.play().tables.rows.values()} == {"completed"}


def test_a_disk_that_does_not_work_stops_the_study_and_is_named(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    played = world(study_tree)
    broken = OSError(errno.EIO, "Input/output error", "trials/x/history.csv")
    agenda = played.play(fit=failing(fit, broken))
    assert "the disk does not work: OSError: [Errno 5] Input/output error" in agenda.fatal
    assert "history.csv" in agenda.fatal
    assert {row["state"] for row in played.play().tables.rows.values()} == {"completed"}


def test_trials_that_all_die_alike_stop_the_study(world: Any, study_tree: Tree, fit: Any) -> None:
    agenda = world(study_tree).play(fit=failing(failing(fit, KeyError("x"), "ei"), KeyError("x")))
    assert agenda.finished
    assert "the first 3 trials all failed with: KeyError: 'x'" in agenda.fatal
    assert len(agenda.tables.rows) == 3


def test_too_many_failures_stop_the_study(world: Any, study_tree: Tree, fit: Any) -> None:
    study_tree["search"]["trials"], study_tree["max_failed"] = 8, 0.2
    agenda = world(study_tree).play(fit=failing(fit, KeyError("x")))
    assert "of 10 trials failed, over max_failed: 0.2" in agenda.fatal

"""Where jobs wait, run, and follow each other."""

from __future__ import annotations

import time
from dataclasses import replace

from study.agenda.job import Job
from study.agenda.queue import Queue
from study.store.records import Kind, Role


def job(identity: str, arm: str = "full", kind: Kind = Kind.SEARCH) -> Job:
    return Job(identity, Role(arm, kind, 0), 0, {})


def test_what_waits_comes_in_order_and_a_repeated_job_first() -> None:
    queue = Queue()
    queue.add(job("a"))
    queue.add(job("b"))
    queue.add_first(job("c"))
    taken = [queue.take(), queue.take(), queue.take(), queue.take()]
    assert [one.id if one else None for one in taken] == ["c", "a", "b", None]


def test_a_trial_that_a_lost_machine_still_holds_lets_others_pass() -> None:
    held = {"a", "b"}
    queue = Queue()
    queue.add(job("b"))  # held by an orphan of an earlier run: its worker waits for the lock
    queue.add(job("c"))
    queue.add_first(job("a"), lost=True)

    def take() -> str | None:
        found = queue.take(lambda job: job.id in held)
        return found.id if found else None

    assert [take(), take(), take()] == ["b", "c", None]
    held.clear()
    assert [take(), take()] == ["a", None]


def test_a_lost_machine_is_waited_for_no_longer_than_a_lock() -> None:
    queue = Queue()
    queue.add_first(job("a"), lost=True)
    queue.add(job("b"))
    queue._lost["a"] = time.monotonic() - 1.0
    taken = queue.take(lambda job: True)
    assert taken is not None
    assert taken.id == "a"


def test_a_job_that_runs_alone_waits_for_the_others() -> None:
    queue = Queue()
    queue.start(job("a"))
    queue.add(replace(job("b"), alone=True))
    assert queue.take() is None
    assert queue.is_blocked
    queue.end(job("a"))
    taken = queue.take()
    assert taken is not None
    assert taken.id == "b"
    assert not queue.is_blocked


def test_another_role_of_a_running_trial_follows_it() -> None:
    queue = Queue()
    first, second = job("a"), job("a", "twin")
    assert queue.start(first)
    assert not queue.start(second)
    assert queue.busy_searches() == {("full", 0): 1, ("twin", 0): 1}
    assert queue.flying() == {("full", 0): 1}
    assert queue.followers_of(first) == [second]
    assert queue.followers_of(first) == []


def test_a_job_ends_as_it_was_last_replaced() -> None:
    queue = Queue()
    queue.start(job("a"))
    queue.replace(replace(job("a"), stopped_at=3))
    assert queue.end(job("a")).stopped_at == 3
    assert queue.end(job("unknown")).stopped_at is None

"""Signals that become an ordered end: real signals in this process and in another one."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from study.errors import RayLost, Stopped
from study.execution import head_watch as watching
from study.execution.cluster import check_head
from study.execution.display import Display
from study.execution.portion import Portion
from study.execution.signals import SIGNALS, interruption
from study.execution.tune_jobs import TuneJobs
from study.worker import trial


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_and_the_next_ones_are_ignored(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]

    def study() -> None:
        with interruption():
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)  # while the study ends

    with pytest.raises(Stopped, match=number.name):
        study()
    assert [signal.getsignal(one) for one in SIGNALS] == before


def test_a_signal_waits_for_the_end_of_what_is_held() -> None:
    done = []

    def study() -> None:
        with interruption() as found:
            with found.held():
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
                done.append("whole")
            done.append("more")

    with pytest.raises(Stopped, match="SIGTERM"):
        study()
    assert done == ["whole"]


def test_a_signal_that_a_finalizer_swallowed_is_raised_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python runs handlers wherever it is, and drops what is raised in ``__del__``."""
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: dropped.append(found.exc_type))

    class Handle:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    with interruption() as found:
        handle = Handle()
        del handle
        assert dropped == [Stopped]
        with pytest.raises(Stopped, match="SIGINT"):
            found.check()


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


def test_rays_own_interrupt_counts_as_one() -> None:
    with pytest.raises(Stopped, match="SIGINT"), interruption():
        raise KeyboardInterrupt


def test_in_another_thread_signals_stay_their_callers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def study() -> None:
        with interruption() as found:
            found.listen()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=study)
    thread.start()
    thread.join()
    assert seen == [before]


def never(lost: RayLost) -> None:
    raise AssertionError("the main thread has ended by itself")


def test_a_call_that_does_not_listen_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
    monkeypatch.setattr(watching, "head_address", lambda: address)
    given_up = threading.Event()

    class Deaf:
        """In place of a main thread in a call of Ray's that looks at no signal."""

        def interrupt(self, cause: RayLost) -> None: ...

    with watching.head_watch(Deaf(), lambda lost: given_up.set(), seconds=0.01, patience=0.05):
        assert given_up.wait(10.0)


def test_a_head_that_dies_interrupts_a_call_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    head = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{head.getsockname()[1]}"
    monkeypatch.setattr(watching, "head_address", lambda: address)
    check_head(address)

    def study() -> None:
        with interruption() as found, watching.head_watch(found, never, seconds=0.05):
            head.close()
            time.sleep(30)
            pytest.fail("the call waited to its end")

    with pytest.raises(RayLost, match=rf"{address} does not answer"):
        study()


def test_a_head_that_lives_interrupts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        monkeypatch.setattr(watching, "head_address", lambda: address)
        with interruption() as found, watching.head_watch(found, never, seconds=0.01):
            time.sleep(0.2)
        assert found.cause is None

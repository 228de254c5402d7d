"""A head of Ray that dies interrupts a study in order, or ends it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from study.errors import RayLost
from study.execution import head_watch as watching
from study.execution.cluster import check_head
from study.execution.signals import interruption


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

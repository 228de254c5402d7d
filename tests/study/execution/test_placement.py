"""What a trial had of a machine is given back when the machine can be told."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.hosts import until
from study.execution import placement
from study.execution.cluster import session
from study.spec.models import Resources

ROOT = Path(__file__).resolve().parents[3]


def in_its_own_process(body: Callable[[], None]) -> None:
    """Ray's end may take the process along that started Ray."""
    name = body.__name__
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import {name}; {name}(); print('to the end')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout.endswith("to the end\n")) == (0, True), done.stderr


def test_a_machine_answers_or_is_dead_or_neither() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        node = {"NodeManagerAddress": address, "NodeManagerPort": port, "Alive": True}
        assert placement.answers(node)
    assert not placement.answers(node)
    assert placement.answers({**node, "Alive": False})


def a_group_waits_for_its_machine() -> None:
    answers: list[bool] = []
    reached = False

    def answer(node: dict[str, Any]) -> bool:
        answers.append(reached)
        return reached

    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(placement, "SECONDS", 0.05)
    monkeypatch.setattr(placement, "answers", answer)
    with session(Resources(), None), placement.machines_may_return():
        import ray
        from ray.air.execution.resources import placement_group as tunes

        group = ray.util.placement_group([{"CPU": 1}])
        ray.get(group.ready())

        def state() -> str:
            return str(ray.util.placement_group_table(group)["state"])

        tunes.remove_placement_group(group)
        assert until(lambda: len(answers) > 2, 30.0) is not None
        assert state() == "CREATED"
        reached = True
        assert until(lambda: state() == "REMOVED", 30.0) is not None
        groups = ray.util.placement_group_table().values()
        assert [group["state"] for group in groups] == 2 * ["REMOVED"]  # the probe too
    assert tunes.remove_placement_group is ray.util.remove_placement_group


def test_a_group_is_removed_once_its_machine_answers() -> None:
    in_its_own_process(a_group_waits_for_its_machine)


def a_machine_is_out_of_the_heads_reach() -> None:
    with session(Resources(), None):
        import ray

        (node,) = ray.nodes()
        elsewhere = {**node, "NodeManagerAddress": "192.0.2.1"}  # of no machine (RFC 5737)
        remove = ray.util.remove_placement_group
        assert placement.head_reaches(node, remove)
        assert not placement.head_reaches(elsewhere, remove)
        groups = ray.util.placement_group_table().values()
        assert [group["state"] for group in groups] == 2 * ["REMOVED"]


def test_a_machine_that_the_head_does_not_reach_is_known() -> None:
    in_its_own_process(a_machine_is_out_of_the_heads_reach)


def a_machine_returns() -> None:
    greeted: list[str] = []
    looks = iter([True, False, False])
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(placement, "LOOK", 0.05)
    monkeypatch.setattr(placement, "GREETINGS", (0.0, 0.1))
    monkeypatch.setattr(placement, "answers", lambda node: next(looks, True))
    greet = placement.greet

    def noted(node: dict[str, Any]) -> None:
        assert ray.get(greet(node)) is None
        greeted.append(node["NodeID"])

    monkeypatch.setattr(placement, "greet", noted)
    with session(Resources(), None):
        import ray  # which reads the settings that a session makes

        reported = ray.available_resources()
        with placement.machines_may_return():
            assert until(lambda: len(greeted) == 2, 30.0) is not None
            assert until(lambda: len(greeted) > 2, 0.5) is None
            (node,) = ray.nodes()
            assert greeted == 2 * [node["NodeID"]]
            assert until(lambda: ray.available_resources() == reported, 30.0) is not None


def test_a_machine_that_is_back_is_greeted() -> None:
    in_its_own_process(a_machine_returns)

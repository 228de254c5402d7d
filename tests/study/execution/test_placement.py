"""What a trial had of a machine is given back when the machine can be told."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from benchmarks.hosts import until
from study.execution import placement
from study.execution.cluster import session
from study.spec.models import Resources


def test_a_machine_answers_or_is_dead_or_neither() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, port = server.getsockname()
        node = {"NodeManagerAddress": address, "NodeManagerPort": port, "Alive": True}
        assert placement.answers(node)
    assert not placement.answers(node)
    assert placement.answers({**node, "Alive": False})


@pytest.mark.slow  # starts Ray in this process, which its end may take along
def test_a_group_is_removed_once_its_machine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bool] = []
    reached = False

    def answer(node: dict[str, Any]) -> bool:
        answers.append(reached)
        return reached

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
    assert tunes.remove_placement_group is ray.util.remove_placement_group


@pytest.mark.slow  # starts Ray in this process, which its end may take along
def test_a_machine_that_is_back_is_greeted(monkeypatch: pytest.MonkeyPatch) -> None:
    greeted: list[str] = []
    looks = iter([True, False, False])
    monkeypatch.setattr(placement, "LOOK", 0.05)
    monkeypatch.setattr(placement, "GREETINGS", (0.0, 0.1))
    monkeypatch.setattr(placement, "answers", lambda node: next(looks, True))
    greet = placement.greet
    import ray

    def noted(node: dict[str, Any]) -> None:
        assert ray.get(greet(node)) is None
        greeted.append(node["NodeID"])

    monkeypatch.setattr(placement, "greet", noted)
    with session(Resources(), None):
        reported = ray.available_resources()
        with placement.machines_may_return():
            assert until(lambda: len(greeted) == 2, 30.0) is not None
            assert not until(lambda: len(greeted) > 2, 0.5)
            (node,) = ray.nodes()
            assert greeted == 2 * [node["NodeID"]]
            assert until(lambda: ray.available_resources() == reported, 30.0) is not None

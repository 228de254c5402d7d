"""Frees the CPUs that a machine would otherwise lose after it was cut off for a while.

Ray tells a machine five times within seconds that a placement group is gone, and never again, so a
machine that cannot be reached then keeps the group's CPUs. The head may need twenty seconds to
connect to a machine that is back. And if Ray cannot place a group on a machine, the head counts the
group's CPUs as taken until the machine reports a change.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 2.0  # between two looks at a machine that does not answer
PATIENCE = 2.0  # seconds for a machine's answer
LOOK = 5.0  # seconds between two looks at all machines
GREETINGS = (5.0, 15.0, 30.0)  # seconds after a return, since the head may notice it late


@contextlib.contextmanager
def machines_may_return() -> Iterator[None]:
    """Lets Tune's placement groups wait for their machines, and greets those that are back."""
    from ray.air.execution.resources import placement_group

    ended = threading.Event()
    remove = placement_group.remove_placement_group
    threads: list[threading.Thread] = []

    def start(target: Callable[..., None], *args: Any) -> None:
        threads[:] = [thread for thread in threads if thread.is_alive()]
        threads.append(threading.Thread(target=target, args=args, daemon=True))
        threads[-1].start()

    def later(group: Any) -> None:
        start(_remove, group, remove, ended)

    start(_watch, ended)

    placement_group.remove_placement_group = later
    try:
        yield
    finally:
        placement_group.remove_placement_group = remove
        ended.set()
        for thread in threads:  # a thread that asks Ray after its end would start it again
            thread.join(2 * PATIENCE)


def _watch(ended: threading.Event) -> None:
    """Greets each machine that answers again."""
    away: set[str] = set()
    due: list[tuple[float, dict[str, Any]]] = []
    while not ended.wait(LOOK):
        for node in _alive():
            name = node["NodeID"]
            if not answers(node):
                away.add(name)
            elif name in away:
                away.remove(name)
                due += [(time.monotonic() + wait, node) for wait in GREETINGS]
        for greeting in [one for one in due if one[0] <= time.monotonic()]:
            due.remove(greeting)
            if not ended.is_set():
                with contextlib.suppress(Exception):  # the head may have died
                    greet(greeting[1])


def _alive() -> list[dict[str, Any]]:
    import ray

    try:
        return [node for node in ray.nodes() if node["Alive"]]
    except Exception:  # the head may have died
        return []


def greet(node: dict[str, Any]) -> Any:
    """Runs an empty task on the machine, which then reports what it has free."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def nothing() -> None: ...

    options: dict[str, Any] = {
        "num_cpus": 0,
        "max_retries": 0,
        "resources": {f"node:{node['NodeManagerAddress']}": 0.001},
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
    }
    return ray.remote(**options)(nothing).remote()


def _remove(group: Any, remove: Callable[[Any], None], ended: threading.Event) -> None:
    """Removes a placement group once the head can tell its machines."""
    while not _reached(group, remove):
        if ended.wait(SECONDS):
            return  # Ray removes what a command had, when the command has ended
    if not ended.is_set():
        with contextlib.suppress(Exception):  # the head may have died
            remove(group)


def _reached(group: Any, remove: Callable[[Any], None]) -> bool:
    """Returns whether the head reaches every machine of the group that it does not call dead."""
    import ray

    try:
        homes = ray.util.placement_group_table(group).get("bundles_to_node_id", {}).values()
        nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        machines = [nodes[home] for home in homes if home in nodes]
        return all(answers(node) and head_reaches(node, remove) for node in machines)
    except Exception:  # the head may have died
        return True


def head_reaches(node: dict[str, Any], remove: Callable[[Any], None]) -> bool:
    """Returns whether the head can place a group on the machine; removes that group again."""
    import ray

    probe = ray.util.placement_group([{f"node:{node['NodeManagerAddress']}": 0.001}])
    try:
        return bool(probe.wait(PATIENCE))
    finally:
        remove(probe)


def answers(node: dict[str, Any]) -> bool:
    """Returns whether Ray's process on this machine can be reached; True if Ray calls it dead."""
    if not node["Alive"]:
        return True
    place = (node["NodeManagerAddress"], node["NodeManagerPort"])
    try:
        socket.create_connection(place, timeout=PATIENCE).close()
    except OSError:
        return False
    return True

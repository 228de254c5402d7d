"""Gives back what a trial had of a machine, also where that machine is cut off for a while.

Ray tells a machine five times within seconds that a placement group is gone, and never again: one
that could not be reached then would hold the group's CPUs for the rest of the study.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 2.0  # between two looks at a machine that does not answer
PATIENCE = 2.0  # seconds for a machine's answer


@contextlib.contextmanager
def removed_when_reached() -> Iterator[None]:
    """Lets Tune's placement groups wait for their machines before they are removed."""
    from ray.air.execution.resources import placement_group

    ended = threading.Event()
    remove = placement_group.remove_placement_group
    threads: list[threading.Thread] = []

    def later(group: Any) -> None:
        threads[:] = [thread for thread in threads if thread.is_alive()]
        threads.append(threading.Thread(target=_remove, args=(group, remove, ended), daemon=True))
        threads[-1].start()

    placement_group.remove_placement_group = later
    try:
        yield
    finally:
        placement_group.remove_placement_group = remove
        ended.set()
        for thread in threads:  # or one that asks Ray after its end would start it anew
            thread.join(2 * PATIENCE)


def _remove(group: Any, remove: Callable[[Any], None], ended: threading.Event) -> None:
    while not _reached(group):
        if ended.wait(SECONDS):
            return  # Ray removes what a command had, when the command has ended
    if not ended.is_set():
        with contextlib.suppress(Exception):  # the head may have died
            remove(group)


def _reached(group: Any) -> bool:
    """Whether every machine of the group answers, or is known to be dead."""
    import ray

    try:
        homes = ray.util.placement_group_table(group).get("bundles_to_node_id", {}).values()
        nodes = {node["NodeID"]: node for node in ray.nodes()}
    except Exception:  # nobody is there who could be asked
        return True
    return all(answers(nodes[home]) for home in homes if home in nodes)


def answers(node: dict[str, Any]) -> bool:
    """Whether Ray's process on this machine can be reached; True if Ray calls it dead."""
    if not node["Alive"]:
        return True
    place = (node["NodeManagerAddress"], node["NodeManagerPort"])
    try:
        socket.create_connection(place, timeout=PATIENCE).close()
    except OSError:
        return False
    return True

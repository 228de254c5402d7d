"""Starts Ray without the processes that a study does not use.

The dashboard's server, the autoscaler and the forwarder of logs take a second of Ray's start on two
cores, and 250 MB. Ray has no option for that, so the methods that start them do nothing meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

METHODS = ("start_api_server", "start_monitor", "start_log_monitor")


@contextlib.contextmanager
def few_processes() -> Iterator[None]:
    """Keeps a Ray that starts inside this context from starting them."""
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in METHODS if hasattr(Node, name)}
    for name in before:
        setattr(Node, name, _start_nothing)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


def _start_nothing(*_: Any, **__: Any) -> None: ...

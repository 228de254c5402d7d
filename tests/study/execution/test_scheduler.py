"""What Ray writes about a death, in its own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.execution.scheduler import death

NODE_DIED = """Failure # 1 (occurred at 2026-11-28_01-00-00)
The actor died because its node has died. Node Id: 4ee
    the actor's node was terminated unexpectedly: health check failed due to missing too many.
"""


CUT_OFF = """ray.exceptions.ActorUnavailableError: The actor 1a is unavailable: The actor is temporarily
RpcError: RPC Error message: keepalive watchdog timeout; RPC Error details:  rpc_code: 14
"""  # noqa: E501


KILLED = """The actor died unexpectedly before finishing this task.
    Worker unexpectedly exits with a connection error code 2. End of file.
"""


@pytest.mark.parametrize(
    ("text", "lost", "words"),
    [
        (NODE_DIED, True, "its machine was lost: The actor died because its node has died"),
        (CUT_OFF, True, "its machine was lost: ray.exceptions.ActorUnavailableError"),
        (KILLED, False, "the worker died: The actor died unexpectedly before"),
        ("\n", False, "the worker died: nothing more is known"),
    ],
)
def test_a_lost_machine_is_told_from_a_dead_worker(
    tmp_path: Path, text: str, lost: bool, words: str
) -> None:
    file = tmp_path / "error.txt"
    file.write_text(text)
    found = death(str(file))
    assert found.machine_lost is lost
    assert str(found.reason).startswith(words)


def test_no_file_is_no_fault() -> None:
    assert death(None).reason == "the worker died: nothing more is known"

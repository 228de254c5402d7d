"""Rows of a study whose arms full and bn have 3 search trials, 2 seeds, and 2 epochs a trial."""

from __future__ import annotations

from typing import Any


def row(
    identity: str, state: str = "completed", epochs: int = 2, seconds: float | None = None
) -> dict[str, Any]:
    return {"id": identity, "state": state, "epochs": epochs, "seconds_per_epoch": seconds}


MEASURED = {
    ("full", "search", 0, 0): row("a", seconds=1.0),
    ("full", "search", 0, 1): row("b", "pruned", 1, 3.0),
    ("bn", "search", 0, 0): row("c", seconds=10.0),
}

"""One search trial as Optuna numbers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Slot = tuple[str, int]  # an arm's name and the repeat


@dataclass(frozen=True)
class Proposal:
    """A configuration to try. ``id`` is None if its values cannot be combined.

    With ``search.seeds`` it is trained once from each seed, and ``id`` names the first trial.
    """

    number: int
    parameters: dict[str, Any]
    id: str | None
    told: bool = False  # Optuna knows its outcome
    stopped_at: int | None = None  # the epoch at which the pruner stopped it

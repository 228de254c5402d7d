"""One trial to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.store.records import Key, Kind, Role


@dataclass(frozen=True)
class Job:
    """One trial to train: the role that asks for it, its seed and its resolved config."""

    id: str
    role: Role
    seed: int
    config: dict[str, Any]
    stopped_at: int | None = None  # the epoch at which the pruner stopped it
    alone: bool = False  # nothing else may run, because it ran out of memory beside others
    anew: bool = False  # train although an outcome is on disk

    @property
    def arm(self) -> str:
        return self.role.arm

    @property
    def kind(self) -> Kind:
        return self.role.kind

    @property
    def number(self) -> int:
        return self.role.number

    @property
    def label(self) -> str:
        return self.role.label

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.role.parameters

    @property
    def key(self) -> Key:
        return self.role.key

    @property
    def slot(self) -> tuple[str, int]:
        """The arm and the repeat that the trial belongs to."""
        return (self.role.arm, self.role.repeat)

    @property
    def is_search(self) -> bool:
        return self.role.kind == Kind.SEARCH

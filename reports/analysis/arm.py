"""One arm of a study, as plan.json describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GONE = "no longer in the study file"  # the role of an arm that only trials.csv has


@dataclass(frozen=True)
class Arm:
    """One arm of the plan; an arm that only trials.csv has is GONE, with ``factors`` None."""

    name: str
    role: str = "ablation"
    base: str | None = None
    factors: tuple[str, ...] | None = ()  # the factors that differ from the reference
    levels: Mapping[str, str] = field(default_factory=dict)  # of those factors, by factor
    crossed: str | None = None  # the baseline that the factors were crossed with
    overrides: Mapping[str, Any] = field(default_factory=dict)
    tuned: bool = False
    search_trials: int = 0
    searched: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Arm:
        """Reads an arm of plan.json; older plans lack some keys."""
        return cls(
            name=record["name"],
            role=record.get("role", "ablation"),
            base=record.get("base"),
            factors=tuple(record.get("factors") or ()),
            levels=record.get("levels") or {},
            crossed=record.get("crossed"),
            overrides=record.get("overrides") or {},
            tuned=bool(record.get("tuned")),
            search_trials=int(record.get("search_trials") or 0),
            searched=tuple(record.get("searched") or ()),
        )

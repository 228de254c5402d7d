"""What a search chose, and what held of what it promised."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.analysis.collect import Study
from reports.analysis.trials import objective, trials_of
from study.store import Kind, State


@dataclass(frozen=True)
class Tuned:
    """The chosen value of one parameter of one arm.

    ``low`` and ``high`` are where the best quarter of the arm's trials lie.
    """

    arm: str
    parameter: str
    chosen: Any
    low: Any
    high: Any
    trials: int
    at_edge: str  # '' | 'low' | 'high': within a twentieth of the searched range from its end


def tuned_values(study: Study, arm: str) -> list[Tuned]:
    """One record per parameter that the arm searched, of its best completed trial."""
    rows = trials_of(study, arm)
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return []
    best = rows.sort_values("value", ascending=not objective(study).higher, kind="stable")
    quarter = best.head(max(1, -(-len(best) // 4)))
    records = []
    for name in _searched(study, arm, rows):
        chosen, near = best[name].iloc[0], quarter[name].dropna()
        if chosen is None or chosen != chosen:
            continue  # a conditional parameter that had no meaning in the best trial
        space = study.plan["parameters"][name]
        if space["type"] == "categorical":
            often = ", ".join(_choice_text(value) for value in dict.fromkeys(near))
            records.append(Tuned(arm, name, chosen, often, often, len(quarter), ""))
            continue
        value = float(chosen)
        low, high = near.min(), near.max()
        records.append(Tuned(arm, name, value, low, high, len(quarter), edge(value, space)))
    return records


def _searched(study: Study, arm: str, rows: pd.DataFrame) -> list[str]:
    """What the plan says that the arm searches, else every parameter that its trials have."""
    plan = next((item for item in study.arms if item["name"] == arm), {})
    names = plan.get("searched") or study.plan.get("parameters", {})
    return [name for name in names if name in rows and name in study.plan.get("parameters", {})]


def _choice_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def edge(value: float, space: Mapping[str, Any]) -> str:
    """'low' or 'high' if the value lies within a twentieth of the range from that end.

    The range is taken on its own scale.

    The range may then have been too small.
    """
    scale = math.log if space.get("log") else float
    low, high = scale(space["low"]), scale(space["high"])
    place = (scale(value) - low) / (high - low)
    if place < 0.05:
        return "low"
    return "high" if place > 0.95 else ""


@dataclass(frozen=True)
class Overtuning:
    """The same configuration three times.

    Once as the search saw it, and with fresh seeds on validation and on test data.
    """

    arm: str
    trials: int
    searched: float  # the best trial's validation value
    validation: float  # mean of the replicates
    test: float
    n: int


def overtuning(study: Study, arm: str) -> Overtuning | None:
    """None unless the arm was searched and has a finished replicate.

    Only for metrics that exist on both data: val/x and test/x.
    """
    goal = objective(study)
    rows = trials_of(study, arm)
    done = study.trials[
        (study.trials["kind"] == Kind.REPLICATE)
        & (study.trials["arm"] == arm)
        & (study.trials["state"] == State.COMPLETED)
    ]
    test_name = goal.name.replace("val/", "test/", 1)
    if rows["value"].notna().sum() == 0 or done.empty or test_name not in done:
        return None
    best = rows["value"].max() if goal.higher else rows["value"].min()
    return Overtuning(
        arm,
        len(rows),
        float(best),
        float(done[goal.name].mean()),
        float(done[test_name].mean()),
        len(done),
    )

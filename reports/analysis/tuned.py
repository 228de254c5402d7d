"""The values that a search chose, and how the chosen configuration did with fresh seeds."""

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

    The best quarter of the arm's trials lies between ``low`` and ``high``.
    """

    arm: str
    parameter: str
    chosen: Any
    low: Any
    high: Any
    trials: int
    at_edge: str  # '' | 'low' | 'high': within a twentieth of the searched range from its end


def tuned_values(study: Study, arm: str) -> list[Tuned]:
    """Returns one record per parameter that the arm searched, of its best completed trial."""
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
            continue  # a conditional parameter that the best trial does not have
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
    """Returns the parameters that the plan lists for the arm, or all that its trials have."""
    parameters = study.plan.get("parameters", {})
    planned = next((item.searched for item in study.arms if item.name == arm), ())
    return [name for name in planned or parameters if name in rows and name in parameters]


def _choice_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def edge(value: float, space: Mapping[str, Any]) -> str:
    """Returns 'low' or 'high' if the value lies within a twentieth of the range from that end.

    The range, on its own scale, may then be too narrow. Returns an empty text for other values.
    """
    scale = math.log if space.get("log") else float
    low, high = scale(space["low"]), scale(space["high"])
    place = (scale(value) - low) / (high - low)
    if place < 0.05:
        return "low"
    return "high" if place > 0.95 else ""


@dataclass(frozen=True)
class Overtuning:
    """One configuration's value in the search, and with fresh seeds on validation and test data."""

    arm: str
    trials: int
    searched: float  # the best trial's validation value
    validation: float  # mean of the replicates
    test: float
    n: int


def overtuning(study: Study, arm: str) -> Overtuning | None:
    """Returns the record of a searched arm with a completed replicate; None for other arms.

    Needs a metric of both data, val/x and test/x.
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

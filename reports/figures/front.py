"""The searches' second objective: every completed trial's metric against its cost, and the Pareto front over all arms."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from reports.analysis import search
from reports.analysis.collect import Study
from reports.analysis.compare import COSTS
from reports.figures import style
from reports.figures.comparison import pareto_front
from reports.figures.search import arms_searched, label_of, scale_of
from reports.figures.style import INK, QUIET, Look, Picture


def trials(study: Study, second: str) -> pd.DataFrame:
    """Completed search trials with ``arm``, ``number``, ``value`` (of the metric) and ``cost`` (of the second objective)."""
    rows = pd.concat([search.trials_of(study, arm) for arm in arms_searched(study)])
    return (
        rows.assign(cost=rows[second])
        .dropna(subset=["value", "cost"])[["arm", "number", "value", "cost"]]
        .reset_index(drop=True)
    )


def front_of(rows: pd.DataFrame, *, higher: bool, cheaper: bool = True) -> pd.DataFrame:
    """The rows that no other row beats in both, by rising cost. ``cheaper``: a lower cost is better."""
    sign = 1.0 if cheaper else -1.0
    points = dict(
        zip(rows.index, zip(sign * rows["cost"], rows["value"], strict=True), strict=True)
    )
    return rows.loc[pareto_front(points, higher)]


def picture(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    second = study.plan.get("second_objective")
    if not second or not arms_searched(study):
        return None
    goal, rows = search.objective(study), trials(study, second["name"])
    front = front_of(rows, higher=goal.higher, cheaper=second["mode"] == "min")
    figure = Figure(figsize=(style.WIDTH, 3.4), layout="constrained")
    axes = figure.subplots()
    label, factor = COSTS[second["name"]]
    for arm, found in rows.groupby("arm", sort=False):
        look = looks[str(arm)]
        axes.plot(
            found["cost"] * factor, found["value"] * scale_of(goal), linestyle="none", marker=look.marker, color=look.colour,
            markersize=4.5, markeredgewidth=0, alpha=0.8, label=str(arm),
        )  # fmt: skip
    path = (front["cost"] * factor, front["value"] * scale_of(goal))
    axes.step(*path, where="post", color=QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    axes.plot(
        *path, "o", markersize=8, markerfacecolor="none", markeredgecolor=INK, linestyle="none"
    )
    axes.set_xlabel(label)
    axes.set_ylabel(label_of(goal))
    figure.legend(loc="outside right center")
    caption = (
        f"One mark per completed search trial (n = {len(rows)}), on validation data, one training seed each. Ringed and dashed: the Pareto"
        f" front over all arms ({len(front)} trials that no other beats in both). Replicates confirm only each arm's best in {goal.name}."
    )
    return Picture("front", "Two objectives", caption, figure)

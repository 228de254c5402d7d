"""A search's second objective: each completed trial's metric against its cost, and the front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from reports.analysis.collect import Study
from reports.analysis.costs import COSTS
from reports.analysis.searched import arms_searched, label_of, scale_of
from reports.analysis.trials import Objective, objective, trials_of
from reports.figures import labels, style
from reports.figures.cost import pareto_front
from reports.figures.picture import Picture
from reports.figures.style import INK, QUIET, Look


def trials(study: Study, second: str) -> pd.DataFrame:
    """Returns the completed search trials' arm, number, value, and cost (the second objective)."""
    rows = pd.concat([trials_of(study, arm) for arm in arms_searched(study)])
    known = rows.assign(cost=rows[second]).dropna(subset=["value", "cost"])
    return known[["arm", "number", "value", "cost"]].reset_index(drop=True)


def front_of(rows: pd.DataFrame, *, higher: bool, cheaper: bool = True) -> pd.DataFrame:
    """Returns the rows that no other row beats in both, by rising cost.

    With ``cheaper``, a lower cost is better.
    """
    sign = 1.0 if cheaper else -1.0
    pairs = zip(sign * rows["cost"], rows["value"], strict=True)
    points = dict(zip(rows.index, pairs, strict=True))
    return rows.loc[pareto_front(points, higher)]


@dataclass(frozen=True)
class Front:
    """The data of the figure: trials with ``arm``, ``value`` and ``cost`` in stored units."""

    rows: pd.DataFrame
    front: pd.DataFrame
    second: str
    goal: Objective
    looks: Mapping[str, Look]

    def draw(self, width: float) -> Figure:
        figure, axes = style.blank(width, 3.2)
        label, factor = COSTS[self.second]
        scale = scale_of(self.goal)
        for arm, found in self.rows.groupby("arm", sort=False):
            look = self.looks[str(arm)]
            axes.plot(
                found["cost"] * factor,
                found["value"] * scale,
                linestyle="none",
                marker=look.marker,
                color=look.colour,
                markersize=4.5,
                markeredgewidth=0,
            )
        x, y = self.front["cost"] * factor, self.front["value"] * scale
        axes.step(x, y, where="post", color=QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        axes.plot(x, y, "o", markersize=8, markerfacecolor="none", markeredgecolor=INK,
                  linestyle="none")  # fmt: skip
        axes.set_xlabel(label)
        axes.set_ylabel(label_of(self.goal))
        names = list(self.front["arm"].astype(str))
        looks = [self.looks[arm] for arm in names]
        colours = [look.colour if look.stands_out else "" for look in looks]
        labels.at_right(axes, list(zip(x, y, strict=True)), names, colours)
        return figure


def picture(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    """Returns the figure; None if the study has one objective."""
    second = study.plan.get("second_objective")
    if not second or not arms_searched(study):
        return None
    goal, rows = objective(study), trials(study, second["name"])
    front = front_of(rows, higher=goal.higher, cheaper=second["mode"] == "min")
    caption = (
        f"One mark per completed search trial (n = {len(rows)}), on validation data, one training"
        " seed each. Blue discs: reference; orange squares: baseline. Ringed, named and dashed: the"
        f" Pareto front over all arms ({len(front)} trials that no other beats in both). Only each"
        f" arm's best trial in {goal.name} is confirmed by replicates."
    )
    draw = Front(rows, front, second["name"], goal, looks).draw
    return Picture("front", "Two objectives", caption, draw)

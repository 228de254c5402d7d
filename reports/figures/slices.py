"""Each trial's value against each important parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis.collect import Study
from reports.analysis.searched import arms_searched, floor_of, label_of, scale_of, short_names
from reports.analysis.trials import Objective, objective, trials_of
from reports.figures import spaces, style
from reports.figures.importance import most_important
from reports.figures.picture import Picture
from reports.figures.style import INK, Look

PARAMETERS = 4  # the most important ones


@dataclass(frozen=True)
class Slices:
    """The data of the figure: finished search trials with arm, value (NaN if none), parameters."""

    rows: pd.DataFrame
    chosen: frozenset[str]
    parameters: Mapping[str, spaces.Space]
    looks: Mapping[str, Look]
    goal: Objective

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(len(self.parameters), width, 2.3, least=1.7, sharey=True)
        short = short_names(list(self.parameters))
        floor = floor_of(self.rows["value"], self.goal)
        for axes, (name, space) in zip(panels, self.parameters.items(), strict=True):
            spaces.set_axis(axes, space, short[name])
            for arm, rows in self.rows.groupby("arm", sort=False):
                self._arm(axes, rows, spaces.place(space, rows[name]), str(arm), floor)
            self._without_value(axes, space, name)
        if floor is not None:
            best = float(self.rows["value"].max() * scale_of(self.goal))
            panels[0].set_ylim(floor - 0.03 * (best - floor), best + 0.05 * (best - floor))
        panels[0].set_ylabel(label_of(self.goal))
        return figure

    def _arm(
        self, axes: Axes, rows: pd.DataFrame, x: pd.Series, arm: str, floor: float | None
    ) -> None:
        look, y = self.looks[arm], rows["value"] * scale_of(self.goal)
        below = y < (-np.inf if floor is None else floor)
        dots: dict[str, Any] = {
            "linestyle": "none",
            "color": look.colour,
            "markeredgewidth": 0,
            "markersize": 4,
        }
        order = 4 if look.stands_out else 3
        axes.plot(x[~below], y[~below], marker=look.marker, zorder=order, **dots)
        edge = np.full(int(below.sum()), floor)
        axes.plot(x[below], edge, marker="v", zorder=order, **dots)
        ringed = rows["id"].astype(str).isin(self.chosen) & ~below
        axes.plot(x[ringed], y[ringed], "o", markersize=8, markerfacecolor="none",
                  markeredgecolor=INK, zorder=5)  # fmt: skip

    def _without_value(self, axes: Axes, space: spaces.Space, name: str) -> None:
        """Draws trials that were pruned or failed as crosses at the axis' lower end."""
        rows = self.rows[self.rows["value"].isna()]
        x = spaces.place(space, rows[name])
        axes.plot(x, np.full(len(x), 0.015), linestyle="none", marker="x", markersize=3.5,
                  color=style.NEUTRAL, transform=axes.get_xaxis_transform(), zorder=2)  # fmt: skip


def picture(study: Study, shares: pd.DataFrame, looks: Mapping[str, Look]) -> Picture | None:
    """Returns the figure; None if nothing was searched."""
    goal, names = objective(study), most_important(study, shares, PARAMETERS)
    arms = arms_searched(study)
    if not names or not arms:
        return None
    rows = pd.concat([trials_of(study, arm) for arm in arms], ignore_index=True)
    parameters = {name: study.plan["parameters"][name] for name in names}
    slices = Slices(rows, _chosen(rows, goal), parameters, looks, goal)
    caption = (
        f"One mark for each of {len(rows)} finished search trials of {len(arms)} arms; each arm's"
        " best is ringed. Blue discs: reference; orange squares: baseline; grey: all others."
        " Crosses at the lower edge: pruned or failed, without a value."
    )
    if floor_of(rows["value"], goal) is not None:
        caption += " Triangles: values below the axis."
    return Picture("slices", "Slices through the searches", caption, slices.draw)


def _chosen(rows: pd.DataFrame, goal: Objective) -> frozenset[str]:
    done = rows.dropna(subset=["value"])
    ordered = done.sort_values("value", ascending=not goal.higher, kind="stable")
    return frozenset(ordered.groupby("arm")["id"].first().astype(str))

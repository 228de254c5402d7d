"""Parallel coordinates: every completed trial as a line through its parameters to its value."""

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
from reports.analysis.trials import Objective, objective, searched_parameters, trials_of
from reports.figures import spaces, style
from reports.figures.picture import Picture
from reports.figures.style import INK, LINE, NEUTRAL, QUIET, Look


@dataclass(frozen=True)
class Parallel:
    """The data of the figure: completed trials with arm, value, ``chosen`` and parameters."""

    rows: pd.DataFrame
    parameters: Mapping[str, spaces.Space]
    looks: Mapping[str, Look]
    goal: Objective

    def draw(self, width: float) -> Figure:
        figure, axes = style.blank(width, 2.9)
        heights = self._heights()
        names = [str(name) for name in heights]
        for place, row in enumerate(self.rows.itertuples()):
            look = self.looks[str(row.arm)]
            line = heights.iloc[place].dropna()
            colour = look.colour if look.stands_out else INK
            thick: dict[str, Any] = {"color": NEUTRAL, "linewidth": 0.5, "zorder": 2}
            if row.chosen:
                thick = {"color": colour, "linewidth": 1.8, "zorder": 3}
            axes.plot([names.index(name) for name in line.index], line, **thick)
        self._axes(axes, names, width)
        return figure

    def _heights(self) -> pd.DataFrame:
        """Returns the height of each line at each axis, 0 to 1 [trial x axis]."""
        found = {name: spaces.share(space, self.rows[name])
                 for name, space in self.parameters.items()}  # fmt: skip
        low, high = self._range()
        values = self.rows["value"] * scale_of(self.goal)
        found[label_of(self.goal)] = ((values - low) / ((high - low) or 1.0)).clip(lower=0)
        return pd.DataFrame(found)

    def _range(self) -> tuple[float, float]:
        values = self.rows["value"] * scale_of(self.goal)
        floor = floor_of(self.rows["value"], self.goal)
        low = float(values.min()) if floor is None else floor
        return low, float(values.max())

    def _axes(self, axes: Axes, names: list[str], width: float) -> None:
        """Draws a vertical line for each parameter, with the values at its ends."""
        ends = [spaces.end_texts(space) for space in self.parameters.values()]
        low, high = self._range()
        ends.append((f"{low:.4g}", f"{high:.4g}"))
        for place, (bottom, top) in enumerate(ends):
            axes.plot([place, place], [0, 1], color=LINE, linewidth=0.9, zorder=1)
            for y, text, side in ((-0.03, bottom, "top"), (1.03, top, "bottom")):
                axes.annotate(text, (place, y), ha="center", va=side, fontsize=7.5, color=QUIET)
        short = short_names(list(self.parameters))
        shown = [short.get(name, name) for name in names]
        rotation, side = 0, "center"
        if width < 5 or len(names) > 7:
            rotation, side = 25, "right"
        axes.set_xticks(range(len(names)), shown, rotation=rotation, ha=side)
        axes.tick_params(axis="x", length=0, labelcolor=INK, pad=10)
        axes.set_yticks([])
        axes.set_ylim(-0.08, 1.12)
        axes.grid(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)


def picture(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    """Returns the figure; None unless at least two parameters were searched."""
    goal, arms = objective(study), arms_searched(study)
    if not arms:
        return None
    frames = []
    for arm in arms:
        rows = trials_of(study, arm).dropna(subset=["value"])
        best = rows["value"].max() if goal.higher else rows["value"].min()
        first = rows.index[rows["value"] == best][0]
        frames.append(rows.assign(chosen=np.asarray(rows.index == first)))
    rows = pd.concat(frames, ignore_index=True)
    names = searched_parameters(study, rows)
    if len(names) < 2:
        return None
    parameters = {name: study.plan["parameters"][name] for name in names}
    caption = (
        f"A line for each of {len(rows)} completed search trials. Thick: the trial that each arm"
        " chose (blue: the reference; orange: the baseline; dark: all others). A line has a gap"
        " where the arm does not search the parameter."
    )
    draw = Parallel(rows, parameters, looks, goal).draw
    return Picture("parallel", "Chosen values among all trials", caption, draw)

"""The two most important numeric parameters of one arm against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.analysis.collect import Study
from reports.analysis.importance import LEAST_FOR_IMPORTANCE
from reports.analysis.searched import arms_searched, label_of, scale_of, short_names
from reports.analysis.trials import Objective, objective, searched_parameters, trials_of
from reports.figures import style
from reports.figures.importance import most_important
from reports.figures.picture import Picture
from reports.figures.style import INK

BINS = 5  # each way


@dataclass(frozen=True)
class Pair:
    """The data of the figure: one arm's completed trials, and ``spaces`` of two parameters."""

    rows: pd.DataFrame
    spaces: Mapping[str, Mapping[str, float]]
    short: Mapping[str, str]
    goal: Objective

    def binned(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = (self.rows[name] for name in self.spaces)
        edges = [_edges(space) for space in self.spaces.values()]
        return binned(x, y, self.rows["value"] * scale_of(self.goal), *edges)

    def draw(self, width: float) -> Figure:
        figure, axes = style.blank(min(width, 0.72 * style.WIDTH), 3.4)
        means, _ = self.binned()
        values = self.rows["value"] * scale_of(self.goal)
        low, high = np.nanquantile(values, [0.2, 1.0])
        edges = [_edges(space) for space in self.spaces.values()]
        mesh = axes.pcolormesh(*edges, np.ma.masked_invalid(means.T), cmap=style.SEQUENTIAL,
                               vmin=low, vmax=high, alpha=0.85)  # fmt: skip
        x, y = (self.rows[name] for name in self.spaces)
        axes.scatter(x, y, s=16, color="white", edgecolors=INK, linewidths=0.7)
        for axis, (name, space) in zip((axes.xaxis, axes.yaxis), self.spaces.items(), strict=True):
            if space.get("log"):
                style.log_axis(axis, space["low"], space["high"])
            axis.set_label_text(self.short[name])
        axes.grid(False)
        bar = figure.colorbar(mesh, ax=axes, label=f"mean {label_of(self.goal)}", extend="min")
        bar.outline.set_visible(False)
        return figure


def picture(study: Study, shares: pd.DataFrame, arm: str | None) -> Picture | None:
    """Returns the figure of ``arm``, or of the arm with most trials.

    None without two numeric parameters, or before there are enough trials.
    """
    arms = arms_searched(study)
    if not arms:
        return None
    if arm not in arms:
        arm = max(arms, key=lambda name: len(trials_of(study, name)))
    rows = trials_of(study, arm).dropna(subset=["value"])
    names = _two_numeric(study, shares.loc[shares.index == arm], rows)
    if len(names) < 2 or len(rows) < LEAST_FOR_IMPORTANCE:
        return None
    spaces = study.plan["parameters"]
    pair = Pair(rows, {name: spaces[name] for name in names}, short_names(list(spaces)),
                objective(study))  # fmt: skip
    _, counts = pair.binned()
    caption = (
        f"Arm {arm}: mean of the completed trials in each cell (n = {int(counts.sum())} trials in"
        f" {int((counts > 0).sum())} cells; dots are the trials). The colours end at the worst"
        " fifth of the trials."
    )
    title = f"The two most important parameters of {arm}"
    return Picture("interaction", title, caption, pair.draw)


def _two_numeric(study: Study, shares: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    spaces, mine = study.plan.get("parameters", {}), searched_parameters(study, rows)
    found = []
    for name in most_important(study, shares, len(spaces)):
        if name in mine and spaces[name]["type"] != "categorical":
            found.append(name)
    return found[:2]


def _edges(space: Mapping[str, float]) -> np.ndarray:
    spread = np.geomspace if space.get("log") else np.linspace
    return np.asarray(spread(space["low"], space["high"], BINS + 1))


def binned(
    x: pd.Series, y: pd.Series, values: pd.Series, x_edges: np.ndarray, y_edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean value of each cell, NaN if it is empty, and the counts; [BINS, BINS]."""
    counts, *_ = np.histogram2d(x, y, bins=[x_edges, y_edges])
    sums, *_ = np.histogram2d(x, y, bins=[x_edges, y_edges], weights=values)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0), counts

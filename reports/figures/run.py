"""One training run's curves: accuracy, loss, learning rate and firing rate over the epochs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures import style
from reports.figures.picture import Picture
from reports.figures.style import BASELINE, INK, REFERENCE

PANELS = {  # title -> the columns that it shows
    "accuracy (%)": ("train/accuracy", "val/accuracy"),
    "loss": ("train/loss", "val/loss"),
    "firing rate (spikes / step)": ("firing_rate",),
    "learning rate": ("learning_rate",),
}
COLOURS = {"train": BASELINE, "val": REFERENCE}


@dataclass(frozen=True)
class RunCurves:
    """The data of the figure: one row per epoch, with the columns of history.csv."""

    rows: pd.DataFrame

    @property
    def panels(self) -> dict[str, list[str]]:
        found = {}
        for title, columns in PANELS.items():
            there = [
                name for name in columns if name in self.rows and self.rows[name].notna().any()
            ]
            if there:
                found[title] = there
        return found

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(len(self.panels), width, 2.3, least=2.0, sharex=True)
        for axes, (title, columns) in zip(panels, self.panels.items(), strict=True):
            for column in columns:
                self._line(axes, column)
            axes.set_title(title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        return figure

    def _line(self, axes: Axes, column: str) -> None:
        split = column.split("/")[0]
        factor = 100 if column.endswith("accuracy") else 1
        values = factor * self.rows[column]
        colour = COLOURS.get(split, INK)
        marker = "o" if len(values) == 1 else None
        axes.plot(self.rows["epoch"], values, color=colour, marker=marker, markersize=4)
        if split in COLOURS:
            word = "training" if split == "train" else "validation"
            place = (self.rows["epoch"].iloc[-1], values.iloc[-1])
            above = 4 if split == "train" else -10
            axes.annotate(word, place, xytext=(0, above), textcoords="offset points",
                          color=colour, fontsize=7.5, ha="right")  # fmt: skip


def picture(rows: pd.DataFrame, name: str) -> Picture | None:
    """Returns the figure; None before the first epoch."""
    if rows.empty:
        return None
    caption = f"{name}: one run of {len(rows)} epochs so far (n = 1)."
    return Picture("curves", "Learning curves", caption, RunCurves(rows).draw)

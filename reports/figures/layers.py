"""Activity, balance and gradients, along the layers and over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.words import span
from reports.figures import style
from reports.figures.diagnostics import QUANTITIES, present
from reports.figures.picture import Picture
from reports.figures.style import INK, QUIET, Look

TWO_MODES = 5 / 9  # that of a uniform distribution; a larger bimodality suggests two modes


@dataclass(frozen=True)
class Depth:
    """The data along the layers: ``means`` [(quantity, arm, layer)] after the last epoch."""

    means: pd.Series
    layers: tuple[str, ...]
    looks: Mapping[str, Look]
    reference: str | None

    @property
    def quantities(self) -> list[str]:
        return list(dict.fromkeys(self.means.index.get_level_values(0)))

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(len(self.quantities), width, 1.85, least=1.9, sharex=True)
        columns = style.columns_in(width, 1.9)
        for name, (axes, _, lowest) in zip(
            self.quantities, style.outer(panels, columns), strict=True
        ):
            lines = self.means[name].unstack().reindex(columns=list(self.layers))
            for arm, line in lines.iterrows():
                self._line(axes, self.looks[str(arm)], line)
            _finish(axes, name)
            self._name_furthest(axes, lines)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            if lowest:
                axes.set_xlabel("layer")
        return figure

    def _line(self, axes: Axes, look: Look, line: pd.Series) -> None:
        order = 3 if look.stands_out else 2
        axes.plot(range(len(line)), line, color=look.colour, linestyle=look.dash, zorder=order,
                  marker=look.marker, markersize=3, linewidth=look.width)  # fmt: skip

    def _name_furthest(self, axes: Axes, lines: pd.DataFrame) -> None:
        """Names the grey line that is furthest from the reference, at that place."""
        others = [arm for arm in lines.index if not self.looks[str(arm)].stands_out]
        if self.reference not in lines.index or not others:
            return
        gaps = (lines.loc[others] - lines.loc[self.reference]).abs()
        if not gaps.notna().any().any():
            return
        arm = str(gaps.max(axis="columns").idxmax())
        place = self.layers.index(str(gaps.loc[arm].idxmax()))
        axes.annotate(arm, (place, lines.loc[arm].iloc[place]), xytext=(0, 4), fontsize=7,
                      textcoords="offset points", color=INK,
                      ha="right" if place > len(lines.columns) / 2 else "left")  # fmt: skip


@dataclass(frozen=True)
class Epochs:
    """The data over the epochs: ``means`` [(quantity, layer, epoch)] of one arm."""

    means: pd.Series
    layers: tuple[str, ...]

    @property
    def quantities(self) -> list[str]:
        return list(dict.fromkeys(self.means.index.get_level_values(0)))

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(len(self.quantities), width, 1.85, least=1.9, sharex=True)
        columns = style.columns_in(width, 1.9)
        colours = matplotlib.colormaps[style.SEQUENTIAL](np.linspace(0.3, 0.75, len(self.layers)))
        for name, (axes, _, lowest) in zip(
            self.quantities, style.outer(panels, columns), strict=True
        ):
            lines = self.means[name]
            for layer, colour in zip(self.layers, colours, strict=True):
                if layer in lines.index.get_level_values(0):
                    line = lines[layer]
                    axes.plot(line.index, line, color=colour, linewidth=1.2)
                    self._name_ends(axes, layer, line)
            _finish(axes, name)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if lowest:
                axes.set_xlabel("epoch")
        return figure

    def _name_ends(self, axes: Axes, layer: str, line: pd.Series) -> None:
        """Names the first and the last layer's line."""
        if layer in (self.layers[0], self.layers[-1]):
            axes.annotate(layer, (line.index[-1], line.iloc[-1]), xytext=(-1, 2), fontsize=6.5,
                          textcoords="offset points", color=INK, ha="right")  # fmt: skip


def _finish(axes: Axes, name: str) -> None:
    label, logarithmic = QUANTITIES.get(name, (name, False))
    axes.set_title(label, fontsize=8)
    if logarithmic:
        values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
        values = values[values > 0]
        if values.size:
            style.log_axis(axes.yaxis, values.min() / 1.3, values.max() * 1.3)
    if name == "bimodality/I_int":
        axes.axhline(TWO_MODES, color=QUIET, linewidth=0.9, linestyle=":")


def over_depth(
    rows: pd.DataFrame, looks: Mapping[str, Look], reference: str | None
) -> Picture | None:
    """Returns each quantity along the layers after the last epoch, with a line per arm."""
    last = rows[rows["epoch"] == rows.groupby("id")["epoch"].transform("max")]
    if not present(last):
        return None
    layers = tuple(dict.fromkeys(last["layer"]))
    depth = Depth(_means(last, ["arm", "layer"]), layers, looks, reference)
    n = span(last.groupby("arm")["id"].nunique())
    caption = (
        f"After the last epoch, on the probe batch: mean over n = {n} replicates for each of"
        f" {last['arm'].nunique()} arms. Blue: reference; orange: baseline; grey: all others, with"
        f" the one named that is furthest from the reference. Layers in order: {', '.join(layers)}."
        " Dotted: 5/9, above which the bimodality coefficient suggests two modes."
    )
    title = "Activity, balance and gradients along the layers"
    return Picture("diagnostics_depth", title, caption, depth.draw)


def over_epochs(rows: pd.DataFrame, arm: str) -> Picture | None:
    """Returns each quantity over the epochs for one arm, with a line per layer."""
    mine = rows[rows["arm"] == arm]
    if not present(mine) or mine["epoch"].nunique() < 2:
        return None
    layers = tuple(dict.fromkeys(mine["layer"]))
    epochs = Epochs(_means(mine, ["layer", "epoch"]), layers)
    caption = (
        f"Arm {arm}: mean over n = {mine['id'].nunique()} replicates on the probe batch; a line per"
        " layer, from the first (dark) to the last."
    )
    title = f"Activity, balance and gradients while {arm} learns"
    return Picture("diagnostics_epochs", title, caption, epochs.draw)


def _means(rows: pd.DataFrame, by: list[str]) -> pd.Series:
    """Returns the means [(quantity, *by)], with quantities in their usual order."""
    shown = present(rows)
    means = rows[rows["quantity"].isin(shown)].groupby(["quantity", *by], sort=False)["value"]
    found = means.mean()
    return pd.concat([found.loc[[name]] for name in shown])

"""The learning curves of all search trials, with pruned ones, the chosen one and the default."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.collect import Study
from reports.analysis.searched import arms_searched, best_trial, default_trial
from reports.figures import curves, style
from reports.figures.picture import Picture
from reports.figures.style import INK, NEUTRAL, REFERENCE
from study.store import Kind, State


@dataclass(frozen=True)
class Searched:
    """One arm's ``curves`` [trial x epoch] in percent, and the ids of trials to highlight."""

    arm: str
    curves: pd.DataFrame
    pruned: frozenset[str]
    chosen: str | None
    default: str | None

    def draw_on(self, axes: Axes) -> None:
        for identity, curve in self.curves.iterrows():
            whole = curve.dropna()
            axes.plot(whole.index, whole, color=NEUTRAL, linewidth=0.7, zorder=2)
            if identity in self.pruned:
                axes.plot(whole.index[-1:], whole.iloc[-1:], marker="x", color=NEUTRAL,
                          markersize=4, zorder=2)  # fmt: skip
        self._stand_out(axes, self.default, INK, (0, (4, 2)))
        self._stand_out(axes, self.chosen, REFERENCE, "-")

    def _stand_out(self, axes: Axes, identity: str | None, colour: str, dash: object) -> None:
        if identity in self.curves.index:
            curve = self.curves.loc[identity].dropna()
            marker = "o" if len(curve) == 1 else None
            axes.plot(curve.index, curve, color=colour, linestyle=dash, linewidth=1.6,
                      marker=marker, markersize=4, zorder=3)  # fmt: skip


@dataclass(frozen=True)
class Panels:
    """All arms' searches."""

    arms: tuple[Searched, ...]

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(
            len(self.arms), width, 1.45, least=1.7, sharex=True, sharey=True
        )
        columns = style.columns_in(width, 1.7)
        for found, (axes, first, lowest) in zip(
            self.arms, style.outer(panels, columns), strict=True
        ):
            found.draw_on(axes)
            style.panel_title(axes, found.arm, f"{len(found.curves)} trials")
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.tick_params(labelbottom=lowest)
            if first:
                axes.set_ylabel("val. acc. (%)")
            if lowest:
                axes.set_xlabel("epoch")
        return figure


def picture(study: Study) -> Picture | None:
    """Returns the figure; None before a search trial has an epoch."""
    found = curves.by_arm(study, Kind.SEARCH)
    rows = study.trials[study.trials["kind"] == Kind.SEARCH]
    pruned = frozenset(rows.loc[rows["state"] == State.PRUNED, "id"].astype(str))
    arms, finished = [], arms_searched(study)
    for arm in study.arm_names:
        if arm not in found:
            continue
        best = best_trial(study, arm) if arm in finished else None
        default = default_trial(study, arm)
        arms.append(Searched(arm, found[arm], pruned, _id(best), _id(default)))
    if not arms:
        return None
    caption = (
        "Validation accuracy after each epoch of every search trial that finished one. Blue: the"
        " trial whose values were chosen. Cross: pruned here."
    )
    shown = [arm.arm for arm in arms]
    missing = [arm for arm in study.arm_names if arm in set(rows["arm"]) and arm not in shown]
    if missing:
        caption += f" No epoch yet: {', '.join(missing)}."
    if any(arm.default for arm in arms):
        caption += " Dashed: the study file's first point, the default values."
    return Picture(
        "search_curves", "Every trial of the searches", caption, Panels(tuple(arms)).draw
    )


def _id(row: pd.Series | None) -> str | None:
    return None if row is None else str(row["id"])

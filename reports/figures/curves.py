"""Learning curves: a panel for each arm, with the reference behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.collect import Study
from reports.analysis.options import Options
from reports.figures import style
from reports.figures.picture import Picture
from reports.figures.style import REFERENCE, Look
from study.store import Kind

COLUMN = "val/accuracy"


@dataclass(frozen=True)
class Curves:
    """Validation accuracy in percent [trial x epoch] by arm; NaN past a trial's end."""

    by_arm: Mapping[str, pd.DataFrame]
    looks: Mapping[str, Look]
    reference: str | None
    searching: bool

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(
            len(self.by_arm), width, 1.45, least=1.7, sharex=True, sharey=True
        )
        columns = style.columns_in(width, 1.7)
        behind = None
        if not self.searching:
            behind = self.by_arm.get(self.reference or "")
        arms = list(self.by_arm)
        for arm, (axes, first, lowest) in zip(arms, style.outer(panels, columns), strict=True):
            curves = self.by_arm[arm]
            if behind is not None and arm != self.reference:
                axes.plot(behind.columns, behind.mean(), color=REFERENCE, linewidth=0.9, zorder=1)
            (_bundle if self.searching else _band)(axes, curves, self.looks[arm])
            style.panel_title(axes, arm, f"n = {len(curves)}")
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.tick_params(labelbottom=lowest)
            if first:
                axes.set_ylabel("val. acc. (%)")
            if lowest:
                axes.set_xlabel("epoch")
        return figure


def picture(study: Study, options: Options, looks: Mapping[str, Look]) -> Picture | None:
    """Returns the curves of every arm or, before there are replicates, of every search trial."""
    found = by_arm(study, Kind.REPLICATE)
    searching = not found
    found = found or by_arm(study, Kind.SEARCH)
    shown = {arm: found[arm] for arm in study.arm_names if arm in found}
    if not shown:
        return None
    curves = Curves(shown, looks, options.reference, searching)
    missing = [arm for arm in study.arm_names if arm not in found]
    return Picture("curves", "Learning curves", _caption(curves, missing), curves.draw)


def _caption(curves: Curves, missing: Sequence[str]) -> str:
    text = "Validation accuracy after each epoch: "
    if curves.searching:
        text += "every search trial so far (n trials)."
    else:
        text += (
            "mean over n replicates, band from the lowest to the highest seed; one replicate alone"
            " is dotted. Replicates that diverged are shown up to their end."
        )
    if missing:
        text += f" No epoch yet: {', '.join(missing)}."
    behind = curves.reference in curves.by_arm and not curves.searching
    if behind and len(curves.by_arm) > 1:
        text += f" Thin blue line: mean of {curves.reference}."
    return text


def by_arm(study: Study, kind: Kind) -> dict[str, pd.DataFrame]:
    """Returns each arm's validation accuracy in percent [trial x epoch], of trials in any state."""
    rows = study.trials.loc[study.trials["kind"] == kind, ["id", "arm"]].drop_duplicates()
    joined = study.epochs[["id", "epoch", COLUMN]].dropna().merge(rows, on="id")
    return {
        str(arm): 100 * part.pivot_table(index="id", columns="epoch", values=COLUMN)
        for arm, part in joined.groupby("arm")
    }


def _band(axes: Axes, curves: pd.DataFrame, look: Look) -> None:
    epochs = curves.columns.to_numpy(float)
    if len(curves) > 1:
        low, high = curves.min(), curves.max()
        axes.fill_between(epochs, low, high, color=look.colour, alpha=0.22, linewidth=0)
    marker = look.marker if len(epochs) == 1 else None
    dash = "-" if len(curves) > 1 else ":"
    axes.plot(epochs, curves.mean(), dash, color=look.colour, marker=marker, zorder=3)


def _bundle(axes: Axes, curves: pd.DataFrame, look: Look) -> None:
    epochs = curves.columns.to_numpy(float)
    axes.plot(epochs, curves.T.to_numpy(), color=look.colour, linewidth=0.8)

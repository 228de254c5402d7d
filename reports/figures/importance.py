"""How much each searched parameter matters, for each arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.analysis import importance
from reports.analysis.collect import Study
from reports.analysis.searched import arms_searched, short_names
from reports.analysis.trials import searched_parameters
from reports.figures import heat, style
from reports.figures.picture import Picture
from study.store import Kind

Found = Mapping[str, Sequence[importance.Importance]]  # by arm


def records(study: Study) -> Found:
    """Returns each searched arm's importances; none for an arm with too few trials."""
    return {arm: importance.importances(study, arm) for arm in arms_searched(study)}


def importances(study: Study, found: Found) -> pd.DataFrame:
    """Returns the explained variance [arm x parameter]; NaN if an arm does not search it."""
    known = {record.parameter for each in found.values() for record in each}
    names = [name for name in study.plan.get("parameters", {}) if name in known]
    rows = []
    for each in found.values():
        shares = {record.parameter: record.share for record in each}
        rows.append({name: shares.get(name, np.nan) for name in names})
    return pd.DataFrame(rows, index=list(found), columns=names).dropna(how="all")


def most_important(study: Study, shares: pd.DataFrame, most: int) -> list[str]:
    """Returns the ``most`` important searched parameters, by mean share over the arms.

    Before there are shares, returns the first ones in the study file's order.
    """
    rows = study.trials[study.trials["kind"] == Kind.SEARCH]
    searched = searched_parameters(study, rows)
    if shares.empty:
        return searched[:most]
    mean = shares.mean()
    return sorted(searched, key=lambda name: -float(mean.get(name, 0.0)))[:most]


@dataclass(frozen=True)
class Importance:
    """The data of the figure: explained variance [arm x parameter]."""

    shares: pd.DataFrame

    def draw(self, width: float) -> Figure:
        figure, axes = style.blank(width, 0.75 + 0.3 * len(self.shares))
        shown = self.shares.rename(columns=short_names(self.shares.columns))
        texts = shown.map(lambda share: f"{share:.2f}" if share == share else "")
        heat.draw(axes, shown, texts, cmap="Blues", vmin=0, vmax=1, cbar=False)
        axes.xaxis.tick_top()
        narrow = width < 5
        axes.tick_params(axis="x", labelrotation=30 if narrow else 0)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("left" if narrow else "center")
        return figure


def picture(study: Study, shares: pd.DataFrame) -> Picture | None:
    """Returns the figure; None before an arm has enough completed trials."""
    if shares.empty:
        return None
    caption = (
        "Part of the metric's variance over an arm's completed trials that each parameter alone"
        " explains (fANOVA). The table has the intervals, and says which parts are more than"
        " chance. An empty cell: not searched by that arm."
    )
    return Picture("importance", "Parameter importance", caption, Importance(shares).draw)

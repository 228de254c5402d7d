"""A factorial design's main effects and pairwise interactions, as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from reports.analysis import ablation
from reports.analysis.ablation import Cells
from reports.analysis.options import Options
from reports.analysis.words import DASH, metric_name, show, span
from reports.figures import heat, style
from reports.figures.picture import Picture


@dataclass(frozen=True)
class Matrix:
    """The data: ``values`` in the axis' unit, and ``texts``, both [factor x factor]."""

    values: pd.DataFrame
    texts: pd.DataFrame
    unit: str

    def draw(self, width: float) -> Figure:
        limit = float(self.values.abs().max().max()) or 1.0
        size = 1.2 + 0.6 * len(self.values)
        figure, axes = style.blank(min(width, size + 1.8), size)
        heat.draw(axes, self.values, self.texts, cmap=style.DIVERGING, vmin=-limit, vmax=limit,
                  center=0, square=True, cbar_kws={"label": self.unit, "shrink": 0.8})  # fmt: skip
        return figure


def picture(factors: Sequence[str], y: Cells, options: Options) -> Picture | None:
    """Returns main effects on the diagonal and interactions off it; None without a value."""
    pairs = ablation.interactions(factors, y, options)
    counts = [record.n for record in pairs if record.n]
    if not counts:
        return None
    singles = ablation.main_effects(factors, y, options)
    matrix = ablation.interaction_matrix(factors, pairs, singles)
    texts = matrix.map(lambda v: show(v, options, True) if v == v else DASH)
    unit = "points" if options.percent else "metric"
    found = Matrix(matrix * options.factor, texts, unit)
    caption = (
        f"On the diagonal: main effect on {metric_name(options)}. Elsewhere: how much the presence"
        " of one factor changes the effect of the other, averaged over the rest (negative:"
        " they replace each other; positive: they need each other). Means over"
        f" n = {span(counts)} seeds; intervals are in the table."
    )
    return Picture("interactions", "Main effects and interactions", caption, found.draw)

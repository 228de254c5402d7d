"""The ablation path through the trained networks, from the whole to the bare one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from reports.analysis import ablation, statistics
from reports.analysis.ablation import Cells
from reports.analysis.options import Options
from reports.analysis.words import interval_words, metric_header, span
from reports.figures import style
from reports.figures.picture import Picture
from reports.figures.style import INK, NEUTRAL, REFERENCE


@dataclass(frozen=True)
class Path:
    """The data of the figure: (factor taken away, value per seed without it), the whole first."""

    steps: Sequence[tuple[str, pd.Series]]
    options: Options

    def draw(self, width: float) -> Figure:
        figure, axes = style.blank(width, 2.5)
        scale, options = self.options.factor, self.options
        for x, (_, values) in enumerate(self.steps):
            low, high = statistics.interval(values, options.confidence, options.method)
            axes.scatter([x] * len(values), values * scale, s=14, color=NEUTRAL, linewidths=0)
            axes.plot([x, x], [low * scale, high * scale], color=INK, linewidth=1.2)
        means = [float(values.mean()) * scale for _, values in self.steps]
        axes.plot(range(len(means)), means, color=REFERENCE, marker="o", markersize=4)
        names = ["whole", *(f"− {factor}" for factor, _ in self.steps[1:])]
        slanted = width < 5
        axes.set_xticks(range(len(names)), names, rotation=25 if slanted else 0)
        axes.set_ylabel(metric_header(options))
        return figure


def picture(factors: Sequence[str], y: Cells, options: Options) -> Picture | None:
    """Returns the figure; None unless two factors were taken away one after the other."""
    steps = ablation.path(factors, y, options)
    if len(steps) < 3:
        return None
    caption = (
        "From the whole network to the right, the factor whose removal costs most is taken away"
        " next; every network was trained. Dots: seeds"
        f" (n = {span(len(values) for _, values in steps)}); line: mean and"
        f" {interval_words(options)}."
    )
    return Picture("ablation_path", "Ablation path", caption, Path(steps, options).draw)

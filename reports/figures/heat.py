"""A small table as a figure: seaborn's heat map in the report's style."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from reports.figures.style import INK, PAGE


def draw(axes: Axes, values: pd.DataFrame, texts: pd.DataFrame, **colours: Any) -> None:
    """Colours cells by ``values`` and labels them with ``texts``, both [rows x columns]."""
    sns.heatmap(values, annot=texts, fmt="", linewidths=1.5, linecolor=PAGE, ax=axes,
                annot_kws={"fontsize": 8}, **colours)  # fmt: skip
    axes.tick_params(length=0, labelcolor=INK)
    axes.set_yticks(axes.get_yticks(), list(map(str, values.index)), rotation=0)
    axes.set(xlabel="", ylabel="")
    axes.grid(False)

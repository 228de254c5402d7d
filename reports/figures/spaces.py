"""A searched parameter as an axis: the places of values, and the ticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from reports.figures import style

Space = Mapping[str, Any]


def place(space: Space, values: pd.Series) -> pd.Series:
    """Returns each trial's place on the parameter's axis: the value, or the choice's index."""
    if space["type"] != "categorical":
        return values.astype(float)
    index = {str(choice): float(k) for k, choice in enumerate(space["choices"])}
    return values.map(lambda value: index.get(_text(value), np.nan))


def share(space: Space, values: pd.Series) -> pd.Series:
    """Returns each trial's place as a share of the range, 0 to 1, on the parameter's own scale."""
    places = place(space, values)
    if space["type"] == "categorical":
        return places / max(1, len(space["choices"]) - 1)
    low, high = float(space["low"]), float(space["high"])
    if space.get("log"):
        places, low, high = np.log(places), np.log(low), np.log(high)
    return (places - low) / ((high - low) or 1.0)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def set_axis(axes: Axes, space: Space, name: str) -> None:
    """Sets the x axis to the parameter's range and scale, or to its choices as ticks."""
    axes.set_xlabel(name)
    if space["type"] == "categorical":
        axes.set_xticks(range(len(space["choices"])), [str(choice) for choice in space["choices"]])
        axes.set_xlim(-0.6, len(space["choices"]) - 0.4)
        return
    if space.get("log"):
        style.log_axis(axes.xaxis, space["low"], space["high"])
    axes.set_xlim(space["low"], space["high"])


def end_texts(space: Space) -> tuple[str, str]:
    """Returns the labels of the low and the high end."""
    if space["type"] == "categorical":
        return str(space["choices"][0]), str(space["choices"][-1])
    return f"{space['low']:g}", f"{space['high']:g}"

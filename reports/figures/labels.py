"""Names beside marks and lines, moved apart so that they can be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from reports.figures.style import INK, LINE

POINT = 1 / 72


def spread(places: ArrayLike, least: float, low: float, high: float) -> NDArray[np.float64]:
    """Moves ``places`` [n] as little as possible, to keep neighbours at least ``least`` apart.

    They stay within [low, high] if they fit.

    >>> spread([1.0, 1.0, 5.0], 1.0, 0.0, 10.0).tolist()
    [0.5, 1.5, 5.0]
    """
    wanted = np.asarray(places, dtype=float)
    order = np.argsort(wanted, kind="stable")
    # Neighbours that overlap join into one block, centred on the mean of their places.
    blocks: list[list[float]] = []  # [sum of wanted starts, count]
    for place, value in enumerate(wanted[order]):
        blocks.append([value - place * least, 1.0])
        while len(blocks) > 1 and _start(blocks[-1]) <= _start(blocks[-2]):
            total, count = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count]
    starts = np.concatenate([np.full(int(block[1]), _start(block)) for block in blocks])
    steps = least * np.arange(wanted.size)
    starts = np.clip(starts, low, max(low, high - steps[-1] if steps.size else low))
    out = np.empty_like(wanted)
    out[order] = starts + steps
    return out


def _start(block: Sequence[float]) -> float:
    return block[0] / block[1]


def at_right(
    axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], colours: Sequence[str]
) -> None:
    """Writes each name right of the axes at its point's height, with a thin line to the point.

    The axes' limits must be final. ``points`` are (x, y) in data units.
    """
    figure = axes.get_figure()
    assert figure is not None
    if not points:
        return
    tall = axes.get_position().height * figure.get_size_inches()[1]  # type: ignore[union-attr]
    to_share = axes.transAxes.inverted()
    heights = [float(to_share.transform(axes.transData.transform(point))[1]) for point in points]
    size = min(8.0, 72 * tall / max(1, len(points)) / 1.1)
    moved = spread(heights, 1.12 * size * POINT / tall, 0.0, 1.0)
    for (x, y), height, name, colour in zip(points, moved, names, colours, strict=True):
        axes.annotate(
            name,
            (x, y),
            xycoords="data",
            xytext=(1.02, height),
            textcoords="axes fraction",
            fontsize=size,
            va="center",
            ha="left",
            color=colour or INK,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": LINE, "linewidth": 0.5, "shrinkB": 2},
        )

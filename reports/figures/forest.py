"""The answer as one figure: every arm's runs and its effect, beside reference and margin.

The axis is the metric. An arm's interval is that of its paired difference to the reference, drawn
from the reference's line: if it lies outside the margin's band, the difference is larger than the
margin. Runs that failed are shown at chance level with their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures import style
from reports.figures.broken_axis import pieces, round_middle
from reports.figures.picture import Picture
from reports.figures.style import BAND, INK, LINE, PAGE, QUIET, REFERENCE, Look

ROW = 0.44  # inches; the rows of the page's list of arms have the same height
TOP, BOTTOM = 0.42, 0.55  # inches above and below the rows
COUNT = 0.65  # inches for "10 failed" and the space before it
SIDE = 0.17  # the share of the width for a piece of the axis without the reference


@dataclass(frozen=True)
class Row:
    """One arm, with values in the axis' unit.

    Attributes:
        values: one per run that trained.
        failed: the number of runs that did not train, which are drawn at chance level.
        middle: the reference's mean plus the arm's paired difference.
        low, high: the ends of that difference's interval; NaN if there is none.
    """

    arm: str
    values: tuple[float, ...]
    failed: int = 0
    middle: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Forest:
    """The data of the figure; ``chance`` is None if it is not known."""

    rows: tuple[Row, ...]
    looks: dict[str, Look]
    label: str
    caption: str
    reference: str | None = None
    baseline: str | None = None
    chance: float | None = None
    margin: float | None = None
    ceiling: float | None = None

    def picture(self) -> Picture:
        return Picture("forest", f"{self.label[:1].upper()}{self.label[1:]} per arm",
                       self.caption, self.draw)  # fmt: skip

    def draw(self, width: float) -> Figure:
        """Draws the figure with the arms' names at the left."""
        return _draw(self, width, named=True)

    def draw_beside(self, width: float) -> Figure:
        """Draws the figure without names, to stand beside a list of arms with equally high rows."""
        return _draw(self, width, named=False)

    def mean_of(self, arm: str | None) -> float:
        found = [row.middle for row in self.rows if row.arm == arm]
        return found[0] if found else math.nan


def _points(forest: Forest) -> list[float]:
    """Returns all points that the axis must include."""
    points: list[float] = []
    for row in forest.rows:
        points += row.values
        if not math.isnan(row.middle):
            points.append(row.middle)
        if row.failed and forest.chance is not None:
            points.append(forest.chance)
    centre = forest.mean_of(forest.reference)
    if forest.margin and not math.isnan(centre):
        points += [centre - forest.margin, centre + forest.margin]
    return points


def _ranges(forest: Forest) -> list[tuple[float, float]]:
    """Returns the limits of each piece of the axis, with room for the intervals."""
    ranges = []
    points = _points(forest)
    least = max(0.5, 0.05 * (max(points) - min(points)))
    for low, high in pieces(points):
        spread = max(high - low, least)
        reach = [low - 0.35 * spread, high + 0.35 * spread]
        ends = [row.low for row in forest.rows if low <= row.middle <= high]
        ends += [row.high for row in forest.rows if low <= row.middle <= high]
        ends = [end for end in ends if not math.isnan(end)]
        wide_low, wide_high = min([low, *ends]), max([high, *ends])
        edge = 0.06 * spread + 0.05
        ranges.append((max(reach[0], wide_low) - edge, min(reach[1], wide_high) + edge))
    return ranges


def _draw(forest: Forest, width: float, *, named: bool) -> Figure:
    height = TOP + ROW * len(forest.rows) + BOTTOM
    figure = Figure(figsize=(width, height))
    ranges = _ranges(forest)
    centre = forest.mean_of(forest.reference)
    main = next((k for k, (low, high) in enumerate(ranges) if low <= centre <= high), -1)
    main = main % len(ranges)
    for axes, piece in zip(_axes(figure, ranges, main, named), ranges, strict=True):
        _lines(axes, forest, piece, label=piece == ranges[main])
        for place, row in enumerate(forest.rows):
            _row(axes, place, row, forest, piece)
        axes.set_xlim(*piece)
    first, middle = figure.axes[0], figure.axes[main]
    middle.set_xlabel(forest.label)
    if named:
        names = [_shortened(row.arm, width * _label_share(width)) for row in forest.rows]
        first.set_yticks(range(len(names)), names)
    return figure


def _label_share(width: float) -> float:
    """Returns the share of the width that the arms' names get."""
    return 0.26 if width > 5 else 0.36


def _axes(figure: Figure, ranges: Sequence[Any], main: int, named: bool) -> list[Axes]:
    """Adds axes for each piece, at fixed places, so that rows align with the page's list."""
    width, height = figure.get_size_inches()
    left = _label_share(width) * width if named else 0.12
    right = 0.15
    gap = 0.12
    room = width - left - right - gap * (len(ranges) - 1)
    shares = [SIDE] * len(ranges)
    shares[main] = 1 - SIDE * (len(ranges) - 1)
    found = []
    rows = height - TOP - BOTTOM
    for place, share in enumerate(shares):
        box = (left / width, BOTTOM / height, share * room / width, rows / height)
        axes = figure.add_axes(box)
        axes.set_ylim(round(rows / ROW) - 0.5, -0.5)
        axes.set_yticks([])
        axes.grid(False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        if place == main:
            axes.locator_params(axis="x", nbins=6)
        else:
            axes.set_xticks([round_middle(*ranges[place])])
        if place:
            _break_mark(figure, axes)
        left += share * room + gap
        found.append(axes)
    return found


def _break_mark(figure: Figure, axes: Axes) -> None:
    """Draws two slanted strokes on the axis, left of this piece."""
    stroke: dict[str, Any] = {
        "marker": [(-0.5, -1), (0.5, 1)],
        "markersize": 7,
        "linestyle": "none",
    }
    across: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False, "color": QUIET}
    box = axes.get_position()
    wide = box.width * figure.get_size_inches()[0]
    axes.plot([-0.09 / wide, -0.03 / wide], [0, 0], **stroke, **across)


def _shortened(name: str, room: float) -> str:
    """Cuts a name that is wider than its room; the page and the table show it whole."""
    most = int(room / 0.075)
    if len(name) <= most:
        return name
    return name[: most - 1] + "…"


def _lines(axes: Axes, forest: Forest, piece: tuple[float, float], *, label: bool) -> None:
    """Draws the reference's line with its margin, the baseline's line, and chance level."""
    centre = forest.mean_of(forest.reference)
    if forest.margin and piece[0] <= centre <= piece[1]:
        ends = (centre - forest.margin, centre + forest.margin)
        axes.axvspan(*ends, color=BAND, linewidth=0, zorder=0)
        for end in ends:
            axes.axvline(end, color=REFERENCE, linewidth=0.7, linestyle=":", zorder=1)
    heights = iter((1.0, 1.0 + 0.17 / (ROW * len(forest.rows))))
    for arm in dict.fromkeys((forest.reference, forest.baseline)):
        x = forest.mean_of(arm)
        if arm is None or not piece[0] <= x <= piece[1]:
            continue
        look = forest.looks[arm]
        axes.axvline(x, color=look.colour, linewidth=1.1, linestyle=look.dash, zorder=1)
        offset, side = 3, "left"
        if (x - piece[0]) / (piece[1] - piece[0]) > 0.7:  # near the right end
            offset, side = -3, "right"
        axes.annotate(
            arm,
            (x, next(heights)),
            xycoords=("data", "axes fraction"),
            xytext=(offset, 3),
            textcoords="offset points",
            color=look.colour,
            fontsize=8,
            ha=side,
        )
    if forest.chance is not None and piece[0] <= forest.chance <= piece[1]:
        axes.axvline(forest.chance, color=LINE, linewidth=0.9, linestyle=":", zorder=0)
        axes.annotate(
            "chance",
            (forest.chance, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            color=QUIET,
            fontsize=7.5,
            ha="center",
        )


def _row(axes: Axes, place: int, row: Row, forest: Forest, piece: tuple[float, float]) -> None:
    look = forest.looks[row.arm]
    axes.axhline(place + 0.5, color=style.GRID, linewidth=0.7, zorder=0)
    _runs(axes, place + 0.24, row, look, piece)
    _failures(axes, place + 0.24, row, forest, piece)
    _effect(axes, place - 0.06, row, look, piece)
    empty = not row.values and not row.failed
    if empty and piece[0] <= forest.mean_of(forest.reference) <= piece[1]:
        spot = ("axes fraction", "data")
        axes.annotate("no result yet", (0.5, place), xycoords=spot, color=QUIET, fontsize=8,
                      va="center", ha="center")  # fmt: skip


def _runs(axes: Axes, y: float, row: Row, look: Look, piece: tuple[float, float]) -> None:
    """Draws a dot for each run that trained, hollow and larger if it is the only one."""
    shown = [value for value in row.values if piece[0] <= value <= piece[1]]
    dots: dict[str, Any] = {
        "s": 15,
        "facecolors": look.colour,
        "edgecolors": PAGE,
        "linewidths": 0.5,
    }
    if len(row.values) + row.failed == 1:
        dots = {"s": 34, "facecolors": PAGE, "edgecolors": look.colour, "linewidths": 1.3}
    axes.scatter(shown, [y] * len(shown), marker=look.marker, zorder=3, **dots)


def _failures(axes: Axes, y: float, row: Row, forest: Forest, piece: tuple[float, float]) -> None:
    """Draws a cross at chance level, and right of the dots beside it the number of failed runs."""
    if not row.failed or forest.chance is None or not piece[0] <= forest.chance <= piece[1]:
        return
    colour = forest.looks[row.arm].colour
    axes.scatter([forest.chance], [y], s=26, marker="x", color=colour, linewidths=1.6, zorder=4)
    inches = axes.bbox.width / axes.figure.dpi
    length = (piece[1] - piece[0]) * COUNT / inches
    place = forest.chance
    for value in sorted(row.values):
        if place < value < place + length:
            place = value
    axes.annotate(
        f"{row.failed} failed",
        (place, y),
        xytext=(6, 0),
        textcoords="offset points",
        ha="left",
        fontsize=7.5,
        va="center",
        color=INK,
        annotation_clip=False,
    )


def _effect(axes: Axes, y: float, row: Row, look: Look, piece: tuple[float, float]) -> None:
    """Draws the mean and its interval, with an arrow if that continues beyond the axis."""
    if math.isnan(row.middle) or not piece[0] <= row.middle <= piece[1]:
        return
    if math.isnan(row.low):
        face = PAGE
    else:
        face = look.colour
        low, high = max(row.low, piece[0]), min(row.high, piece[1])
        axes.plot([low, high], [y, y], color=look.colour, linewidth=2, solid_capstyle="butt",
                  zorder=2)  # fmt: skip
        for end, cut, arrow in ((low, row.low < low, "<"), (high, row.high > high, ">")):
            if cut:
                axes.plot([end], [y], marker=arrow, color=look.colour, markersize=5, clip_on=False)
    axes.scatter([row.middle], [y], s=44, marker=look.marker, facecolors=face,
                 edgecolors=look.colour, linewidths=1.3, zorder=4)  # fmt: skip

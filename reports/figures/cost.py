"""The cost of accuracy: the metric against energy and against time, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis import front
from reports.analysis.compare import ArmResult
from reports.analysis.costs import COSTS
from reports.analysis.options import Options
from reports.analysis.words import metric_header, metric_name
from reports.figures import labels, style
from reports.figures.picture import Picture
from reports.figures.style import PAGE, QUIET, Look

Name = TypeVar("Name", bound=Hashable)

SHOWN = ("energy_nj", "seconds_per_epoch")
FAR = 20.0  # points; an arm so far behind the best is named in the caption instead of drawn


@dataclass(frozen=True)
class Plane:
    """The data of the figure: arm -> (cost, value) for each cost, in the axes' units."""

    points: Mapping[str, Mapping[str, tuple[float, float]]]
    bounds: Mapping[str, tuple[float, float]]
    looks: Mapping[str, Look]
    label: str
    higher_is_better: bool

    def draw(self, width: float) -> Figure:
        figure, panels = style.grid(len(self.points), width, 2.7, least=3.4)
        for axes, (key, points) in zip(panels, self.points.items(), strict=True):
            self._panel(axes, points)
            axes.set_xlabel(COSTS[key][0])
            axes.set_ylabel(self.label)
        return figure

    def _panel(self, axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
        for arm, (x, y) in points.items():
            look = self.looks[arm]
            axes.plot([x, x], self.bounds[arm], color=look.colour, linewidth=1, zorder=2)
            axes.scatter([x], [y], s=40, color=look.colour, marker=look.marker, edgecolors=PAGE,
                         linewidths=0.6, zorder=3)  # fmt: skip
        path = [points[arm] for arm in pareto_front(points, self.higher_is_better)]
        xs, ys = zip(*path, strict=True)
        axes.step(xs, ys, where="post", color=QUIET, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        axes.margins(0.08)
        axes.autoscale_view()
        colours = [self.looks[arm].colour if self.looks[arm].stands_out else "" for arm in points]
        labels.at_right(axes, list(points.values()), list(points), colours)


def picture(
    results: Sequence[ArmResult], options: Options, looks: Mapping[str, Look]
) -> Picture | None:
    """Returns the figure; None unless at least two arms have a value and a cost."""
    scale = options.factor
    measured = [result for result in results if result.trained.trained]
    best = max((result.mean for result in measured), default=0.0)
    low = [r for r in measured if options.percent and (best - r.mean) * scale > FAR]
    near = [r for r in measured if r not in low]
    if len(near) < 2:
        near, low = measured, []
    points = {}
    for key in SHOWN:
        factor = COSTS[key][1]
        known = [r for r in near if not math.isnan(r.costs[key])]
        if len(known) > 1:
            points[key] = {r.arm: (r.costs[key] * factor, r.mean * scale) for r in known}
    if not points:
        return None
    bounds = {r.arm: (r.low * scale, r.high * scale) for r in near}
    plane = Plane(points, bounds, looks, metric_header(options), options.higher_is_better)
    caption = (
        f"Mean {metric_name(options)} over replicates (n as in the table) against mean cost."
        f" Lines: {100 * options.confidence:g} % intervals of the means. Dashed: Pareto front, the"
        " arms that no other arm beats in both; arms of which no replicate trained are left out."
        " Energy is estimated for inference (0.9 pJ an accumulate, 4.6 pJ a multiply-accumulate)."
    )
    for key in points:
        found = front.places(near, key, options)
        perhaps = [arm for arm, place in found.items() if place is front.Place.PERHAPS]
        if perhaps:
            caption += f" By {COSTS[key][0]}, not told apart from the front: {', '.join(perhaps)}."
    if low:
        away = ", ".join(f"{r.arm} ({scale * r.mean:.1f})" for r in low)
        caption += f" Below the axis: {away}."
    return Picture("cost_plane", "What accuracy costs", caption, plane.draw)


def pareto_front(
    points: Mapping[Name, tuple[float, float]], higher_is_better: bool = True
) -> list[Name]:
    """Returns the points that no other one beats in cost or value and equals in the other.

    They are sorted by rising cost.

    >>> pareto_front({"a": (1, 0.5), "b": (2, 0.9), "c": (3, 0.8)})
    ['a', 'b']
    """
    sign = 1.0 if higher_is_better else -1.0
    by_cost = sorted(points.items(), key=lambda item: (item[1][0], -sign * item[1][1]))
    front: list[Name] = []
    best = -math.inf
    for name, (_, value) in by_cost:
        if sign * value > best:
            front.append(name)
            best = sign * value
    return front

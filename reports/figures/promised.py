"""A search's promise and its outcome: default, best trial, fresh seeds, test data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from reports.analysis.collect import Study
from reports.analysis.searched import FAR, arms_searched, default_trial, label_of, scale_of
from reports.analysis.trials import Objective, objective
from reports.analysis.tuned import overtuning
from reports.analysis.words import span
from reports.figures import style
from reports.figures.picture import Picture
from reports.figures.style import INK, LINE, PAGE, Look


@dataclass(frozen=True)
class Promise:
    """One arm's values in the axis' unit; NaN for a missing value."""

    arm: str
    default: float
    searched: float
    validation: float
    test: float
    n: int

    @property
    def points(self) -> list[float]:
        found = (self.default, self.searched, self.validation, self.test)
        return [value for value in found if not math.isnan(value)]


@dataclass(frozen=True)
class Promises:
    """The data of the figure, with a row for each arm."""

    arms: tuple[Promise, ...]
    looks: Mapping[str, Look]
    goal: Objective

    def draw(self, width: float) -> Figure:
        figure, axes = style.blank(width, 0.95 + 0.27 * len(self.arms))
        style.rows_on_y(axes, [promise.arm for promise in self.arms])
        shown = [point for promise in self.arms for point in promise.points]
        margin = 0.06 * (max(shown) - min(shown)) + 0.05
        low, high = min(shown) - margin, max(shown) + margin
        for row, promise in enumerate(self.arms):
            colour = self.looks[promise.arm].colour
            axes.plot([min(promise.points), max(promise.points)], [row, row], color=LINE,
                      linewidth=1.2, zorder=1)  # fmt: skip
            marks = ((promise.default, "|", INK), (promise.searched, "D", PAGE),
                     (promise.validation, "o", PAGE), (promise.test, "o", colour))  # fmt: skip
            for value, marker, face in marks:
                edge = INK if marker == "|" else colour
                axes.plot([value], [row], marker=marker, markersize=6, markerfacecolor=face,
                          markeredgecolor=edge, markeredgewidth=1.3, zorder=3)  # fmt: skip
        axes.set_xlim(low, high)
        axes.set_xlabel(label_of(self.goal).removeprefix("val "))
        return figure


def picture(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    """Returns the figure; None unless at least two arms were searched and trained again."""
    goal, promises = objective(study), []
    scale = scale_of(goal)
    for arm in arms_searched(study):
        record = overtuning(study, arm)
        if record is None:
            continue
        default = default_trial(study, arm)
        first = math.nan if default is None else float(default["value"])
        promise = Promise(
            arm=arm,
            default=scale * first,
            searched=scale * record.searched,
            validation=scale * record.validation,
            test=scale * record.test,
            n=record.n,
        )
        promises.append(promise)
    if len(promises) < 2:
        return None
    best = max(promise.test for promise in promises)
    away = [p.arm for p in promises if goal.higher and best - p.test >= FAR]
    near = tuple(promise for promise in promises if promise.arm not in away)
    caption = (
        "Hollow diamond: the search's best trial, on validation data. Circle: the same values with"
        " fresh seeds, on validation data. Disc: on test data. Means over"
        f" n = {span(promise.n for promise in promises)} replicates."
    )
    if any(not math.isnan(promise.default) for promise in promises):
        caption += " Stroke: the default values in the search; from it to the diamond is the gain."
    if away:
        caption += f" Too far behind for this axis: {', '.join(away)}."
    draw = Promises(near, looks, goal).draw
    return Picture("overtuning", "What was promised and what held", caption, draw)

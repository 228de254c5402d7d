"""The best value against the number of trials, in the search's order and in random order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.budget import Array, best_so_far, expected_best, flips
from reports.analysis.collect import Study
from reports.analysis.searched import FAR, arms_searched, label_of, scale_of
from reports.analysis.trials import Objective, noise, objective, trials_of
from reports.analysis.verdicts import plural
from reports.figures import labels, style
from reports.figures.picture import Picture
from reports.figures.style import Look


@dataclass(frozen=True)
class Reach:
    """One arm's values after 1, 2, ... n trials, in the axis' unit."""

    arm: str
    best: Array
    expected: Array


@dataclass(frozen=True)
class Budgets:
    """The reach of every arm that searched."""

    reaches: Sequence[Reach]
    looks: Mapping[str, Look]
    goal: Objective

    def draw(self, width: float) -> Figure:
        narrow = width < 5
        figure, panels = style.grid(1 if narrow else 2, width, 2.9, least=3, sharey=True)
        right = panels[-1]
        for reach in self.reaches:
            look = self.looks[reach.arm]
            line = {"color": look.colour, "linestyle": look.dash, "linewidth": look.width}
            if len(reach.best) == 1:
                line["marker"] = look.marker
            trials = np.arange(1, reach.best.size + 1)
            if not narrow:
                panels[0].step(trials, reach.best, where="post", **line)
            right.plot(trials, reach.expected, **line)
        if not narrow:
            panels[0].set_title("best so far")
            panels[0].set_xlabel("trial")
        right.set_title("expected best of k trials")
        right.set_xlabel("budget k (trials)")
        panels[0].set_ylabel(label_of(self.goal))
        for axes in panels:
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        self._close_up(panels[0])
        self._name(right)
        return figure

    def _name(self, axes: Axes) -> None:
        low, high = axes.get_ylim()
        ends = [reach.expected[-1] for reach in self.reaches]
        points = [(len(r.best), min(max(end, low), high))
                  for r, end in zip(self.reaches, ends, strict=True)]  # fmt: skip
        names = []
        for reach, end in zip(self.reaches, ends, strict=True):
            is_inside = low <= end <= high
            names.append(reach.arm if is_inside else f"{reach.arm} ({end:.1f})")
        looks = [self.looks[reach.arm] for reach in self.reaches]
        colours = [look.colour if look.stands_out else "" for look in looks]
        labels.at_right(axes, points, names, colours)

    def _close_up(self, axes: Axes) -> None:
        """Cuts the axis below the best arms, if others are far behind."""
        if not self.goal.higher or scale_of(self.goal) != 100:
            return
        best = max(reach.expected[-1] for reach in self.reaches)
        near = [reach for reach in self.reaches if best - reach.expected[-1] < FAR]
        lowest = min(float(np.nanmin(reach.expected)) for reach in near)
        bottom = max(lowest, min(reach.expected[-1] for reach in near) - FAR / 2)
        margin = 0.06 * (best - bottom) + 0.05
        axes.set_ylim(bottom - margin, best + margin)


def picture(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    """Returns the figure: the best so far at the left, the expected best at the right."""
    goal, reaches = objective(study), []
    for arm in arms_searched(study):
        values = trials_of(study, arm)["reached"].to_numpy() * scale_of(goal)
        best = best_so_far(values, goal.higher)
        reaches.append(Reach(arm, best, expected_best(values, goal.higher).mean))
    if not reaches:
        return None
    counts = ", ".join(f"{reach.arm} {reach.best.size}" for reach in reaches)
    caption = (
        "Left: best value up to each trial. Right: mean best of k of the arm's trials in random"
        " order, computed exactly; since the trials were not proposed in random order, the curve"
        " compares budgets but predicts nothing. A pruned trial counts with its last value, a"
        f" failed one as chance. Finished trials: {counts}."
    )
    draw = Budgets(reaches, looks, goal).draw
    return Picture("search", "Best against budget", caption, draw)


def flips_text(study: Study) -> str:
    """Says whether the order of the arms changes with the tuning budget, and where."""
    goal, curves = objective(study), {}
    for arm in arms_searched(study):
        values = trials_of(study, arm)["reached"]
        curves[arm] = expected_best(values, goal.higher).mean
    found = flips(curves, goal.higher, noise(study))
    if not found:
        same = (
            "The order of the arms by expected best does not change with the tuning budget, beyond"
            " noise."
        )
        return same if len(curves) > 1 else ""
    words = []
    for flip in found[:6]:
        trials = plural(flip.trials, "trial")
        words.append(f"{flip.early} is ahead of {flip.late} with up to {trials}")
    more = ""
    if len(found) > 6:
        more = f", and {len(found) - 6} further pairs"
    listed = "; ".join(words)
    return (
        f"The order of the arms depends on the tuning budget: {listed}, behind it with more{more}."
    )

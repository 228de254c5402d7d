"""Several kinds of effect of an ablation's factors: alone, at the end, and on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis.ablation import ADDED, MAIN, SHAPLEY, TAKEN, Effect
from reports.analysis.options import Options
from reports.analysis.words import interval_words, metric_name, span
from reports.figures import style
from reports.figures.picture import Picture
from reports.figures.style import INK, NEUTRAL, PAGE, QUIET, REFERENCE

# Every ablation has the effect of taking away, so it stands out and the others are grey.
MARKS = {
    TAKEN: ("o", REFERENCE, REFERENCE),
    ADDED: ("s", NEUTRAL, PAGE),
    MAIN: ("D", NEUTRAL, NEUTRAL),
    SHAPLEY: ("^", NEUTRAL, PAGE),
}
FAR = 20.0  # points


@dataclass(frozen=True)
class Effects:
    """The data of the figure: effects with at least one seed; ``scale`` leads to the axis' unit."""

    factors: tuple[str, ...]
    effects: tuple[Effect, ...]
    scale: float
    label: str

    @property
    def kinds(self) -> list[str]:
        present = {record.kind for record in self.effects}
        return [kind for kind in MARKS if kind in present]

    @property
    def is_wide(self) -> bool:
        """Whether both small effects and effects of tens of points are shown."""
        sizes = sorted(abs(self.scale * record.mean) for record in self.effects)
        return sizes[-1] >= FAR and sizes[0] <= FAR / 4

    def draw(self, width: float) -> Figure:
        row = 0.18 + 0.13 * len(self.kinds)
        figure, axes = style.blank(width, 1.0 + row * len(self.factors))
        style.rows_on_y(axes, self.factors)
        axes.axvline(0, color=QUIET, linewidth=0.9, zorder=1)
        for record in self.effects:
            offset = 0.19 * (self.kinds.index(record.kind) - (len(self.kinds) - 1) / 2)
            self._effect(axes, self.factors.index(record.factors[0]) + offset, record)
        if self.is_wide:
            axes.set_xscale("symlog", linthresh=1.0, linscale=0.7)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
        axes.set_xlabel(self.label)
        for kind in self.kinds:
            marker, edge, face = MARKS[kind]
            axes.scatter([], [], marker=marker, facecolors=face, edgecolors=edge, label=kind)
        figure.legend(loc="outside upper left", ncols=1 if width < 5 else len(self.kinds))
        return figure

    def _effect(self, axes: Axes, y: float, record: Effect) -> None:
        marker, edge, face = MARKS[record.kind]
        if record.low == record.low:
            ends = [record.low * self.scale, record.high * self.scale]
            axes.plot(ends, [y, y], color=edge, linewidth=1.4, solid_capstyle="butt")
        axes.scatter(
            [record.mean * self.scale],
            [y],
            s=30,
            marker=marker,
            facecolors=face,
            edgecolors=edge if record.n > 1 else INK,
            linewidths=1.2,
            zorder=3,
        )


def picture(factors: Sequence[str], effects: Sequence[Effect], options: Options) -> Picture | None:
    """Returns the figure; None if there is one kind of effect, which the forest shows already."""
    shown = tuple(record for record in effects if record.n)
    if len({record.kind for record in shown}) < 2:
        return None
    unit = " (points)" if options.percent else ""
    label = f"effect on {metric_name(options)}{unit}"
    found = Effects(tuple(factors), shown, options.factor, label)
    better = "." if options.higher_is_better else " where lower is worse."
    caption = (
        f"Mean effect over n = {span(record.n for record in shown)} seeds and its"
        f" {interval_words(options)}. Right of the line: the network is better with the"
        f" factor{better}"
    )
    if found.is_wide:
        caption += " The axis is linear within one point of zero and logarithmic beyond."
    return Picture("ablation", "Effect of each factor", caption, found.draw)

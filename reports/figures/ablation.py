"""The ablation's records -> its table and figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis import ablation, statistics
from reports.analysis.ablation import ADDED, MAIN, SHAPLEY, TAKEN, Cells, Effect
from reports.analysis.compare import Options
from reports.figures import style
from reports.figures.comparison import FAR, interval_words
from reports.figures.style import INK, PAGE, QUIET, Picture
from reports.tables.results import metric_header, metric_name, show
from reports.tables.table import DASH, Cell, Column, Table, span, with_interval

MARKS = {
    TAKEN: ("o", style.PALETTE[0]),
    ADDED: ("s", style.PALETTE[1]),
    MAIN: ("D", style.PALETTE[2]),
    SHAPLEY: ("^", style.PALETTE[3]),
}
MEANING = {
    TAKEN: "the whole minus the network without it",
    ADDED: "the network with it alone minus the one with none of the factors",
    MAIN: "with minus without, averaged over all combinations of the others",
    SHAPLEY: "its contribution averaged over all orders of adding the factors; they sum to the whole minus the bare network",
}


def effect_table(factors: Sequence[str], effects: Sequence[Effect], options: Options) -> Table:
    """A row per factor, a column per kind of effect."""
    kinds = list(dict.fromkeys(record.kind for record in effects))
    rows = []
    for factor in factors:
        cells = [Cell(factor, factor)]
        for kind in kinds:
            found = [
                record for record in effects if record.kind == kind and record.factors == (factor,)
            ]
            cells.append(effect_cell(found[0], options) if found else Cell())
        rows.append(tuple(cells))
    text = (
        f"Effect of each factor on {metric_name(options)}{' in points' if options.percent else ''}, paired by seed, with its"
        f" {interval_words(options)}, not corrected for their number. "
        + "; ".join(f"{kind}: {MEANING[kind]}" for kind in kinds)
        + "."
        + (
            " A factor that is worth more alone than at the end is redundant with others; the reverse is synergy."
            if ADDED in kinds
            else ""
        )
        + " A dash: a network that the effect needs has no value."
    )
    raw = pd.DataFrame(
        [{**vars(record), "factors": " + ".join(record.factors)} for record in effects]
    )
    return Table(
        "ablation",
        "Effect of each factor",
        text,
        (Column("factor", False), *map(Column, kinds)),
        tuple(rows),
        raw,
    )


def effect_cell(record: Effect, options: Options) -> Cell:
    if not record.n:
        return Cell()
    text = with_interval(
        show(record.mean, options, True),
        *(show(x, options, True) for x in (record.low, record.high)),
    )
    return Cell(text, record.mean, note=f"n = {record.n}")


def effect_picture(
    factors: Sequence[str], effects: Sequence[Effect], options: Options
) -> Picture | None:
    """Every kind of effect side by side; where they differ, the factors are redundant or need each other."""
    shown = [record for record in effects if record.n]
    if not shown:
        return None
    kinds = [kind for kind in MARKS if any(record.kind == kind for record in shown)]
    figure = Figure(
        figsize=(style.WIDTH, 0.9 + (0.2 + 0.14 * len(kinds)) * len(factors)), layout="constrained"
    )
    axes = figure.subplots()
    style.rows_on_y(axes, factors)
    axes.axvline(0, color=QUIET, linewidth=0.9, zorder=1)
    scale = 100.0 if options.percent else 1.0
    for record in shown:
        offset = 0.19 * (kinds.index(record.kind) - (len(kinds) - 1) / 2)
        _effect(axes, factors.index(record.factors[0]) + offset, record, scale)
    wide = _symlog(axes, [scale * record.mean for record in shown])
    axes.set_xlabel(f"effect on {metric_name(options)}{' (points)' if options.percent else ''}")
    for kind in kinds:
        marker, colour = MARKS[kind]
        axes.scatter([], [], marker=marker, color=colour, label=kind)
    figure.legend(loc="outside upper left", ncols=len(kinds))
    caption = (
        f"Mean effect over n = {span(record.n for record in shown)} seeds and its {interval_words(options)}."
        " Right of the line: the network is better with the factor" + ("." if options.higher_is_better else " where lower is worse.")
        + (" The axis is linear within one point of zero and logarithmic beyond." if wide else "")
    )  # fmt: skip
    return Picture("ablation", "Effect of each factor", caption, figure)


def _effect(axes: Axes, y: float, record: Effect, scale: float) -> None:
    marker, colour = MARKS[record.kind]
    if record.low == record.low:
        axes.plot(
            [record.low * scale, record.high * scale],
            [y, y],
            color=colour,
            linewidth=1.4,
            solid_capstyle="butt",
        )
    axes.scatter(
        [record.mean * scale],
        [y],
        s=30,
        marker=marker,
        color=colour,
        edgecolors=INK,
        linewidths=0.6,
        zorder=3,
    )


def _symlog(axes: Axes, means: Sequence[float]) -> bool:
    """A symmetric logarithmic axis where effects of a tenth of a point stand beside effects of tens of points."""
    sizes = sorted(map(abs, means))
    if sizes[-1] < FAR or sizes[0] > FAR / 4:
        return False
    axes.set_xscale("symlog", linthresh=1.0, linscale=0.7)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "−"))
    return True


def interaction_picture(factors: Sequence[str], y: Cells, options: Options) -> Picture | None:
    """Main effects on the diagonal, pairwise interactions beside it."""
    pairs = ablation.interactions(factors, y, options)
    singles = ablation.main_effects(factors, y, options)
    if not any(record.n for record in pairs):
        return None
    scale = 100.0 if options.percent else 1.0
    matrix = ablation.interaction_matrix(factors, pairs, singles) * scale
    limit = float(matrix.abs().max().max()) or 1.0
    size = 1.4 + 0.62 * len(factors)
    figure = Figure(figsize=(min(style.WIDTH, size + 1.6), size), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        matrix, annot=matrix.map(lambda v: show(v / scale, options, True) if v == v else DASH), fmt="", cmap=style.DIVERGING, vmin=-limit,
        vmax=limit, center=0, linewidths=1.5, linecolor=PAGE, ax=axes, square=True, annot_kws={"fontsize": 8},
        cbar_kws={"label": "points" if options.percent else "metric", "shrink": 0.8},
    )  # fmt: skip
    axes.tick_params(length=0, labelcolor=INK)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    axes.grid(False)
    caption = (
        f"On the diagonal: main effect on {metric_name(options)}. Elsewhere: by how much the presence of one factor changes the"
        " effect of the other, averaged over the rest (negative: they replace each other; positive: they need each other). Means over"
        f" n = {span(record.n for record in pairs if record.n)} seeds; intervals are in the table."
    )
    return Picture("interactions", "Main effects and interactions", caption, figure)


def interaction_table(factors: Sequence[str], y: Cells, options: Options) -> Table:
    pairs = ablation.interactions(factors, y, options)
    rows = tuple(
        (Cell(" × ".join(r.factors), " × ".join(r.factors)), effect_cell(r, options)) for r in pairs
    )
    raw = pd.DataFrame(
        [{**vars(record), "factors": " × ".join(record.factors)} for record in pairs]
    )
    unit = " in points" if options.percent else ""
    text = f"Interaction of each pair{unit} with its {interval_words(options)}, not corrected for their number."
    return Table(
        "interactions",
        "Interactions",
        text,
        (Column("factors", False), Column("interaction")),
        rows,
        raw,
    )


def path_picture(factors: Sequence[str], y: Cells, options: Options) -> Picture | None:
    """The executed path from the whole to the bare network."""
    steps = ablation.path(factors, y, options)
    if len(steps) < 3:
        return None
    scale = 100.0 if options.percent else 1.0
    figure = Figure(figsize=(style.WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    for x, (_, values) in enumerate(steps):
        low, high = statistics.interval(values, options.confidence, options.method)
        axes.scatter(
            [x] * len(values), values * scale, s=12, color=style.PALETTE[0], alpha=0.5, linewidths=0
        )
        axes.plot([x, x], [low * scale, high * scale], color=INK, linewidth=1.2)
    means = [float(values.mean()) * scale for _, values in steps]
    axes.plot(range(len(steps)), means, color=style.PALETTE[0], marker="o", markersize=4)
    axes.set_xticks(range(len(steps)), ["whole", *(f"− {factor}" for factor, _ in steps[1:])])
    axes.set_ylabel(metric_header(options))
    caption = (
        "From the whole network to the right, the factor whose removal costs most is taken away next; every network was trained."
        f" Dots: seeds (n = {span(len(values) for _, values in steps)}); line: mean and {interval_words(options)}."
    )
    return Picture("ablation_path", "Ablation path", caption, figure)


def summary(factors: Sequence[str], y: Cells) -> str:
    """What is missing, in words."""
    missing = ablation.missing_cells(factors, y)
    return (
        f"No value for: {'; '.join(missing)}. Effects that need them are not shown."
        if missing
        else ""
    )

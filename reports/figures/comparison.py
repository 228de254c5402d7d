"""The comparison's figures: accuracy per arm, differences, the table as a picture, learning curves, and what accuracy costs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.collect import Study
from reports.analysis.compare import COSTS, ArmResult, Options
from reports.figures import style
from reports.figures.style import INK, LINE, PAGE, QUIET, Look, Picture
from reports.tables.results import difference_cell, metric_header, metric_name, reading, show
from reports.tables.table import DASH, number, significant_digits, span

Name = TypeVar("Name", bound=Hashable)

FAR = 20.0  # points: an arm this far behind gets a mark at the edge, so that the others can be told apart
PANELS = 16  # learning curves: at most so many arms in one figure


def interval_words(options: Options) -> str:
    kind = "Student's t" if options.method == "t" else "BCa bootstrap"
    return f"{100 * options.confidence:g} % confidence interval ({kind} over seeds)"


def _unit(options: Options) -> float:
    return 100.0 if options.percent else 1.0


def accuracy(
    results: Sequence[ArmResult], options: Options, looks: Mapping[str, Look]
) -> Picture | None:
    """Every seed a dot, the mean and its interval; a close-up beside it where some arms are far behind."""
    measured = [result for result in results if result.n]
    if not measured:
        return None
    scale = _unit(options)
    top = max(result.mean for result in measured) * scale
    near = [result for result in measured if top - result.mean * scale < FAR / 2]
    close_up = (
        options.percent
        and 1 < len(near) < len(measured)
        and top - min(r.mean for r in measured) * scale > FAR
    )
    figure, panels = style.grid(1 + close_up, 2, 0.7 + 0.3 * len(results), sharey=True)
    for axes in panels:
        style.rows_on_y(axes, [result.arm for result in results])
        for row, result in enumerate(results):
            _seeds_and_mean(axes, row, result, scale, looks[result.arm])
        axes.set_xlabel(metric_header(options))
    if close_up:
        panels[0].set_title("all arms")
        panels[1].set_title("close-up")
        ends = [
            scale * x
            for r in near
            for x in (*r.values.values(), r.low, r.high)
            if not math.isnan(x)
        ]
        margin = 0.08 * max(max(ends) - min(ends), 0.5)
        panels[1].set_xlim(min(ends) - margin, max(ends) + margin)
    counts = ", ".join(f"{result.arm} {result.n}" for result in results)
    caption = (
        f"{metric_name(options).capitalize()} {reading(options)}. Small marks: one replicate (seed) each; large mark and line: mean and"
        f" {interval_words(options)}. n: {counts}. An arm without a mark has no finished replicate."
    )
    return Picture("accuracy", f"{metric_name(options).capitalize()} per arm", caption, figure)


def _seeds_and_mean(axes: Axes, row: int, result: ArmResult, scale: float, look: Look) -> None:
    if not result.n:
        axes.annotate(
            "no value",
            (0.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            color=QUIET,
            fontsize=7.5,
        )
        return
    seeds = np.array(list(result.values.values())) * scale
    shifts = np.linspace(-0.2, 0.2, len(seeds)) if len(seeds) > 1 else [0.0]
    axes.scatter(
        seeds,
        row + np.asarray(shifts),
        s=13,
        color=look.colour,
        alpha=0.55,
        linewidths=0,
        marker=look.marker,
        zorder=2,
    )
    if not math.isnan(result.low):
        axes.plot(
            [result.low * scale, result.high * scale],
            [row, row],
            color=INK,
            linewidth=1.3,
            solid_capstyle="butt",
            zorder=3,
        )
    axes.scatter(
        [result.mean * scale],
        [row],
        s=42,
        color=look.colour,
        edgecolors=INK,
        linewidths=0.9,
        marker=look.marker,
        zorder=4,
    )


def differences(
    results: Sequence[ArmResult], options: Options, looks: Mapping[str, Look]
) -> Picture | None:
    """One panel for each arm compared with: mean paired difference and interval; filled where significant."""
    against = [
        name
        for name in options.against
        if any(r.differences.get(name) and r.differences[name].n for r in results)
    ]
    if not against:
        return None
    figure, panels = style.grid(len(against), 2, 0.7 + 0.3 * len(results), sharey=True)
    for axes, name in zip(panels, against, strict=True):
        style.rows_on_y(axes, [result.arm for result in results])
        axes.axvline(0, color=QUIET, linewidth=0.9, zorder=1)
        _forest(axes, results, options, looks, name)
        axes.set_title(f"difference to {name}")
        axes.set_xlabel(f"{metric_name(options)}, {'points' if options.percent else 'difference'}")
    counts = span(
        record.n for result in results for record in result.differences.values() if record.n
    )
    caption = (
        f"Mean difference paired by seed (n = {counts}) and its {interval_words(options)}. Filled: significant after correction"
        f" ({options.correction}) at {options.alpha:g}; hollow: not. An arrow marks an arm beyond the axis, with its value."
    )
    return Picture("differences", "Differences, paired by seed", caption, figure)


def _forest(
    axes: Axes,
    results: Sequence[ArmResult],
    options: Options,
    looks: Mapping[str, Look],
    against: str,
) -> None:
    scale = _unit(options)
    records = {
        row: r.differences[against]
        for row, r in enumerate(results)
        if against in r.differences and r.differences[against].n
    }
    far = {
        row for row, record in records.items() if options.percent and abs(record.mean) * scale > FAR
    }
    far = far if len(far) < len(records) else set()
    for row, record in records.items():
        look = looks[results[row].arm]
        if row in far:
            side = 0.02 if record.mean < 0 else 0.98
            text = (
                f"◂ {show(record.mean, options, True)}"
                if record.mean < 0
                else f"{show(record.mean, options, True)} ▸"
            )
            axes.annotate(
                text,
                (side, row),
                xycoords=("axes fraction", "data"),
                va="center",
                ha="left" if record.mean < 0 else "right",
                fontsize=8,
            )
            continue
        significant = record.verdict.is_difference
        if not math.isnan(record.low):
            axes.plot(
                [record.low * scale, record.high * scale],
                [row, row],
                color=look.colour,
                linewidth=1.4,
                solid_capstyle="butt",
            )
        face = look.colour if significant else PAGE
        axes.scatter(
            [record.mean * scale],
            [row],
            s=36,
            marker=look.marker,
            facecolors=face,
            edgecolors=look.colour,
            linewidths=1.3,
            zorder=3,
        )


def table_picture(results: Sequence[ArmResult], options: Options) -> Picture | None:
    """The main table as a seaborn heat-table: each column shaded from its worst to its best arm."""
    if not any(result.n for result in results):
        return None
    texts, shades = _table_cells(results, options)
    figure = Figure(figsize=(style.WIDTH, 0.75 + 0.34 * len(results)), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        shades, annot=texts, fmt="", cmap="Blues", vmin=0, vmax=1.6, cbar=False, linewidths=1.5, linecolor=PAGE, ax=axes,
        annot_kws={"color": "#16202b", "fontsize": 7.6},
    )  # fmt: skip
    for row, column in np.argwhere(shades.isna().to_numpy()):
        axes.text(
            column + 0.5,
            row + 0.5,
            str(texts.iat[row, column]),
            ha="center",
            va="center",
            fontsize=7.6,
        )
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8, labelcolor=INK)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    axes.set(xlabel="", ylabel="")
    axes.grid(False)
    caption = (
        f"{metric_name(options).capitalize()} {reading(options)} with its {interval_words(options)}; differences paired"
        " by seed (* significant after correction). Darker is better within a column"
        + (f" (all arms {FAR / 2:g} or more points behind look alike)" if options.percent else "")
        + "; a dash: no value."
    )
    return Picture(
        "main_table",
        f"{metric_name(options).capitalize()}, differences and cost per arm",
        caption,
        figure,
    )


def _table_cells(
    results: Sequence[ArmResult], options: Options
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(texts, shades in [0, 1]): arms as rows. Shades rank goodness within a column."""
    sign = 1.0 if options.higher_is_better else -1.0
    floor = FAR / 2 / 100  # an arm far behind must not make all the others look alike
    names = [result.arm for result in results]
    texts, good = {}, {}
    header = f"{metric_header(options)}\n[{100 * options.confidence:g} % CI]"
    texts[header] = [
        show(r.mean, options)
        + (f" [{show(r.low, options)}, {show(r.high, options)}]" if r.n > 1 else "")
        for r in results
    ]
    good[header] = [sign * r.mean for r in results]
    for against in options.against:
        cells = [difference_cell(r.differences.get(against), options) for r in results]
        texts[f"Δ to {against}\n(points)" if options.percent else f"Δ to {against}"] = [
            show(c.value, options, True) + (" *" if c.significant else "")
            if isinstance(c.value, float)
            else DASH
            for c in cells
        ]
        good[list(texts)[-1]] = [
            sign * c.value if isinstance(c.value, float) else math.nan for c in cells
        ]
    for key, title in (
        ("seconds_per_epoch", "s / epoch"),
        ("energy_nj", "energy / image\n(µJ)"),
        ("parameters", "parameters"),
    ):
        values = [r.costs[key] / (1000 if key == "energy_nj" else 1) for r in results]
        if not all(map(math.isnan, values)):
            texts[title] = [
                number(v, 0) if key == "parameters" else significant_digits(v) for v in values
            ]
            good[title] = [-v for v in values]
    ranks = pd.DataFrame(good, index=names)
    if options.percent:
        judged = list(ranks.columns[: 1 + len(options.against)])
        ranks[judged] = ranks[judged].clip(lower=ranks[judged].max() - floor, axis=1)
    spread = (ranks.max() - ranks.min()).where(lambda width: width > 0)
    return pd.DataFrame(texts, index=names), (ranks - ranks.min()) / spread


def learning_curves(study: Study, options: Options, looks: Mapping[str, Look]) -> Picture | None:
    """A panel per arm with the reference behind it: mean over replicates, band from the lowest to the highest seed.

    Before there is a replicate: every search trial as a thin line.
    """
    curves = arm_curves(study, "replicate") or arm_curves(study, "search")
    searching = not arm_curves(study, "replicate")
    arms = [arm for arm in study.arm_names if arm in curves][:PANELS]
    if not arms:
        return None
    columns = 4 if len(arms) > 3 else 3
    figure, panels = style.grid(len(arms), columns, 1.75, sharex=True, sharey=True)
    reference = None if searching else curves.get(options.reference or "")
    for k, (axes, arm) in enumerate(zip(panels, arms, strict=True)):
        if reference is not None and arm != options.reference:
            axes.plot(reference.columns, reference.mean(), color=LINE, linewidth=1.1, zorder=1)
        (_bundle if searching else _band)(axes, curves[arm], looks[arm])
        axes.set_title(f"{arm}  (n = {len(curves[arm])})")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.tick_params(labelbottom=k + columns >= len(arms))
        if k % columns == 0:
            axes.set_ylabel("val accuracy (%)")
        if k + columns >= len(arms):
            axes.set_xlabel("epoch")
    more = len(curves) - len(arms)
    caption = "Validation accuracy after each epoch: " + (
        "every search trial so far (n trials)."
        if searching
        else "mean over n replicates, band from the lowest to the highest seed; replicates that diverged are shown up to their end."
    )
    caption += f" Thin grey line: mean of {options.reference}." if reference is not None else ""
    caption += f" {more} further arms are left out here." if more else ""
    return Picture("curves", "Learning curves", caption, figure)


def arm_curves(study: Study, kind: str) -> dict[str, pd.DataFrame]:
    """arm -> validation accuracy in percent [trial x epoch]; trials of any state that have an epoch, NaN past their end."""
    rows = study.trials.loc[study.trials["kind"] == kind, ["id", "arm"]].drop_duplicates()
    joined = study.epochs[["id", "epoch", "val/accuracy"]].dropna().merge(rows, on="id")
    return {
        str(arm): 100 * part.pivot_table(index="id", columns="epoch", values="val/accuracy")
        for arm, part in joined.groupby("arm")
    }


def _band(axes: Axes, curves: pd.DataFrame, look: Look) -> None:
    epochs = curves.columns.to_numpy(float)
    if len(curves) > 1:
        axes.fill_between(
            epochs, curves.min(), curves.max(), color=look.colour, alpha=0.22, linewidth=0
        )
    marker = look.marker if len(epochs) == 1 else None
    axes.plot(epochs, curves.mean(), color=look.colour, marker=marker, zorder=3)


def _bundle(axes: Axes, curves: pd.DataFrame, look: Look) -> None:
    axes.plot(
        curves.columns.to_numpy(float),
        curves.T.to_numpy(),
        color=look.colour,
        linewidth=0.8,
        alpha=0.6,
    )


def cost_plane(
    results: Sequence[ArmResult], options: Options, looks: Mapping[str, Look]
) -> Picture | None:
    """Accuracy against energy and against time, with the arms that nothing else beats in both joined."""
    axes_of = {key: COSTS[key] for key in ("energy_nj", "seconds_per_epoch")}
    measured = {
        key: [r for r in results if r.n and not math.isnan(r.costs[key])] for key in axes_of
    }
    keys = [key for key, found in measured.items() if len(found) > 1]
    if not keys:
        return None
    figure, panels = style.grid(len(keys), 2, 3.0, sharey=True)
    scale = _unit(options)
    for axes, key in zip(panels, keys, strict=True):
        label, factor = axes_of[key]
        points = {r.arm: (r.costs[key] * factor, r.mean * scale) for r in measured[key]}
        for arm, (x, y) in points.items():
            axes.scatter(
                [x],
                [y],
                s=40,
                color=looks[arm].colour,
                marker=looks[arm].marker,
                edgecolors=INK,
                linewidths=0.6,
                zorder=3,
                label=arm,
            )
        front = pareto_front(points, options.higher_is_better)
        axes.step(
            *zip(*(points[arm] for arm in front), strict=True),
            where="post",
            color=QUIET,
            linewidth=1,
            linestyle=(0, (4, 2)),
            zorder=1,
        )
        axes.set_xlabel(label)
    means = {r.arm: r.mean * scale for key in keys for r in measured[key]}
    low = [
        arm for arm, mean in means.items() if options.percent and max(means.values()) - mean > FAR
    ]
    if 1 < len(means) - len(low) < len(means):
        near = [mean for arm, mean in means.items() if arm not in low]
        margin = 0.15 * (max(near) - min(near)) + 0.2
        panels[0].set_ylim(min(near) - margin, max(near) + margin)
    panels[0].set_ylabel(metric_header(options))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    caption = (
        f"Mean {metric_name(options)} over completed replicates (n as in the table) against mean cost. Dashed: Pareto front, the"
        " arms that no other arm beats in both. Energy is estimated for inference (0.9 pJ an accumulate, 4.6 pJ a multiply-accumulate)."
        + (
            f" Below the axis: {', '.join(f'{arm} ({means[arm]:.1f})' for arm in low)}."
            if 1 < len(means) - len(low) < len(means)
            else ""
        )
    )
    return Picture("cost_plane", "What accuracy costs", caption, figure)


def pareto_front(
    points: Mapping[Name, tuple[float, float]], higher_is_better: bool = True
) -> list[Name]:
    """Those (arms, or trials) that no other matches or beats in both (cost, value) while beating it in one; by rising cost."""
    sign = 1.0 if higher_is_better else -1.0
    front: list[Name] = []
    best = -math.inf
    for name, (_, value) in sorted(
        points.items(), key=lambda item: (item[1][0], -sign * item[1][1])
    ):
        if sign * value > best:
            front.append(name)
            best = sign * value
    return front

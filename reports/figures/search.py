"""The searches' records -> tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis import search
from reports.analysis.collect import Study
from reports.analysis.search import Objective
from reports.figures import style
from reports.figures.comparison import FAR
from reports.figures.style import INK, Look, Picture

BINS = 5  # of the interaction's heat map, each way


def arms_searched(study: Study) -> list[str]:
    return [arm for arm in study.arm_names if search.trials_of(study, arm)["value"].notna().any()]


def scale_of(goal: Objective) -> float:
    return 100.0 if "accuracy" in goal.name else 1.0


def label_of(goal: Objective) -> str:
    return goal.name.replace("/", " ").replace("_", " ") + (" (%)" if scale_of(goal) == 100 else "")


def budgets(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    """Left: best so far as it went. Right: expected best against budget."""
    goal, arms = search.objective(study), arms_searched(study)
    if not arms:
        return None
    figure, (left, right) = style.grid(2, 2, 3.1, sharey=True)
    reaches = []
    for arm in arms:
        values = search.trials_of(study, arm)["value"].to_numpy() * scale_of(goal)
        budget, look = search.expected_best(values, goal.higher), looks[arm]
        trials = np.arange(1, values.size + 1)
        every = max(1, values.size // 6)
        line = {
            "color": look.colour,
            "linestyle": look.dash,
            "marker": look.marker,
            "markersize": 4,
            "markevery": (every - 1, every),
        }
        left.step(trials, search.best_so_far(values, goal.higher), where="post", label=arm, **line)
        right.plot(trials, budget.mean, **line)
        if len(arms) <= 4:  # more bands than that hide each other
            right.fill_between(
                trials, budget.low, budget.high, color=look.colour, alpha=0.12, linewidth=0
            )
        reaches.append((float(np.nanmin(budget.mean)), budget.mean[-1]))
    _close_up(left, reaches, goal)
    left.set_title("best so far")
    right.set_title("expected best of k trials")
    left.set_ylabel(label_of(goal))
    for axes, label in ((left, "trial"), (right, "budget k (trials)")):
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    figure.legend(loc="outside right center")
    counts = ", ".join(f"{arm} {len(search.trials_of(study, arm))}" for arm in arms)
    caption = (
        "Left: best value up to each trial. Right: mean best of k of the arm's trials in random order, computed exactly"
        + (", and the range of 80 % of the orders" if len(arms) <= 4 else "")
        + " (the trials were not proposed in random order: the curve compares budgets, it does not predict)."
        f" Pruned and failed trials use budget and give no value. Finished trials: {counts}."
    )
    return Picture("search", "Best against budget", caption, figure)


def _close_up(axes: Axes, reaches: Sequence[tuple[float, float]], goal: Objective) -> None:
    """Where some arms are far behind, the axis shows the others. ``reaches``: (lowest, best) of what is drawn of each arm."""
    if not goal.higher or scale_of(goal) != 100:
        return
    best = max(top for _, top in reaches)
    near = [(low, top) for low, top in reaches if best - top < FAR]
    bottom = max(min(low for low, _ in near), min(top for _, top in near) - FAR / 2)
    margin = 0.06 * (best - bottom) + 0.05
    axes.set_ylim(bottom - margin, best + margin)


def flips_text(study: Study) -> str:
    """Where a ranking between arms changes with the tuning budget, in words."""
    goal = search.objective(study)
    curves = {
        arm: search.expected_best(search.trials_of(study, arm)["value"], goal.higher).mean
        for arm in arms_searched(study)
    }
    found = search.flips(curves, goal.higher)
    if not found:
        return (
            "The order of the arms by expected best does not change with the tuning budget."
            if len(curves) > 1
            else ""
        )
    words = [
        f"{flip.early} is ahead of {flip.late} with up to {flip.trials} trial{'s' if flip.trials > 1 else ''}"
        for flip in found[:6]
    ]
    more = f", and {len(found) - 6} further pairs" if len(found) > 6 else ""
    return f"The order of the arms depends on the tuning budget: {'; '.join(words)}, behind it with more{more}."


def importances(study: Study) -> pd.DataFrame:
    """[arm x parameter]: shares of importance; NaN where an arm does not search the parameter."""
    found = {arm: search.importance(study, arm) for arm in arms_searched(study)}
    names = [
        name
        for name in study.plan.get("parameters", {})
        if any(name in shares for shares in found.values())
    ]
    frame = pd.DataFrame(
        [{name: shares.get(name, np.nan) for name in names} for shares in found.values()],
        index=list(found),
        columns=names,
    )
    return frame.dropna(how="all")


def importance_picture(study: Study, shares: pd.DataFrame) -> Picture | None:
    if shares.empty:
        return None
    figure = Figure(figsize=(style.WIDTH, 1.15 + 0.32 * len(shares)), layout="constrained")
    axes = figure.subplots()
    shown = shares.rename(columns=short_names(shares.columns))
    sns.heatmap(
        shown, annot=True, fmt=".2f", cmap="Blues", vmin=0, vmax=1.6, linewidths=1.5, linecolor=style.PAGE, ax=axes, cbar=False,
        annot_kws={"color": "#16202b", "fontsize": 8},
    )  # fmt: skip
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelcolor=INK)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    axes.grid(False)
    counts = ", ".join(
        f"{arm} {search.trials_of(study, arm)['value'].notna().sum()}" for arm in shares.index
    )
    caption = (
        "Share of each parameter in what separates the best trials of a search from the rest (PED-ANOVA, optuna.importance); rows sum to 1."
        f" From few trials these are rough; completed trials: {counts}. An empty cell: not searched by that arm."
    )
    return Picture("importance", "Parameter importance", caption, figure)


def short_names(names: Sequence[str] | pd.Index) -> dict[str, str]:
    """The last part of a dotted path, or all of it where two end alike."""
    ends = [str(name).rsplit(".", 1)[-1] for name in names]
    return {
        str(name): end if ends.count(end) == 1 else str(name)
        for name, end in zip(names, ends, strict=True)
    }


def most_important(study: Study, shares: pd.DataFrame, most: int) -> list[str]:
    """By mean share over the arms; before there is one, in the study file's order."""
    searched = search.searched_parameters(study, study.trials[study.trials["kind"] == "search"])
    mean = shares.mean() if not shares.empty else pd.Series(dtype=float)
    return sorted(searched, key=lambda name: -float(mean.get(name, 0.0)))[:most]


def slices(study: Study, shares: pd.DataFrame, looks: Mapping[str, Look]) -> Picture | None:
    """Each completed trial's value against each important parameter; the arm's chosen trial is ringed."""
    goal, names = search.objective(study), most_important(study, shares, 4)
    if not names:
        return None
    figure, panels = style.grid(len(names), 4, 2.6, sharey=True)
    reaches: list[tuple[float, float]] = []
    for arm in arms_searched(study):
        rows = search.trials_of(study, arm).dropna(subset=["value"])
        best = rows.sort_values("value", ascending=not goal.higher, kind="stable").head(1)
        reaches.append(
            (
                float(rows["value"].min()) * scale_of(goal),
                float(best["value"].iloc[0]) * scale_of(goal),
            )
        )
        for axes, name in zip(panels, names, strict=True):
            x = _place(study, name, rows)
            dots: dict[str, Any] = {"marker": looks[arm].marker, "color": looks[arm].colour}
            axes.plot(
                x,
                rows["value"] * scale_of(goal),
                linestyle="none",
                markersize=4,
                alpha=0.7,
                markeredgewidth=0,
                label=arm,
                **dots,
            )
            axes.plot(
                x[best.index],
                best["value"] * scale_of(goal),
                "o",
                markersize=7.5,
                markerfacecolor="none",
                markeredgecolor=INK,
            )
    for axes, name in zip(panels, names, strict=True):
        _parameter_axis(axes, study, name)
    _close_up(panels[0], reaches, goal)
    panels[0].set_ylabel(label_of(goal))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)))
    caption = "One mark per completed search trial; the arm's best trial is ringed. Trials far below the best are outside the axis."
    return Picture("slices", "Slices through the searches", caption, figure)


def _place(study: Study, name: str, rows: pd.DataFrame) -> pd.Series:
    """Where each trial stands on the parameter's axis: the value, or the index of the choice."""
    space = study.plan["parameters"][name]
    if space["type"] != "categorical":
        return rows[name].astype(float)
    index = {str(choice): float(k) for k, choice in enumerate(space["choices"])}
    return rows[name].map(
        lambda value: index.get(f"{value:g}" if isinstance(value, float) else str(value), np.nan)
    )


def _parameter_axis(axes: Axes, study: Study, name: str) -> None:
    space = study.plan["parameters"][name]
    axes.set_xlabel(short_names(list(study.plan["parameters"]))[name])
    if space["type"] == "categorical":
        axes.set_xticks(range(len(space["choices"])), [str(choice) for choice in space["choices"]])
        axes.set_xlim(-0.6, len(space["choices"]) - 0.4)
        return
    if space.get("log"):
        style.log_axis(axes.xaxis, space["low"], space["high"])
    axes.set_xlim(space["low"], space["high"])


def interaction(study: Study, shares: pd.DataFrame, arm: str | None) -> Picture | None:
    """The two most important numeric parameters of one arm against each other."""
    arms = arms_searched(study)
    if not arms:
        return None
    arm = arm if arm in arms else max(arms, key=lambda name: len(search.trials_of(study, name)))
    rows = search.trials_of(study, arm).dropna(subset=["value"])
    spaces = study.plan.get("parameters", {})
    mine = search.searched_parameters(study, rows)
    order = [
        name
        for name in most_important(study, shares.loc[shares.index == arm], len(spaces))
        if name in mine
    ]
    names = [name for name in order if spaces[name]["type"] != "categorical"][:2]
    if len(names) < 2 or len(rows) < search.LEAST_FOR_IMPORTANCE:
        return None
    goal = search.objective(study)
    figure = Figure(figsize=(style.WIDTH * 0.72, 3.6), layout="constrained")
    axes = figure.subplots()
    edges = [_edges(spaces[name]) for name in names]
    table, counts = binned(rows[names[0]], rows[names[1]], rows["value"] * scale_of(goal), *edges)
    best = np.nanquantile(rows["value"] * scale_of(goal), [0.2, 1.0])
    mesh = axes.pcolormesh(
        *edges,
        np.ma.masked_invalid(table.T),
        cmap=style.SEQUENTIAL,
        vmin=best[0],
        vmax=best[1],
        alpha=0.85,
    )
    axes.scatter(
        rows[names[0]], rows[names[1]], s=16, color="white", edgecolors=INK, linewidths=0.7
    )
    for axis, name in ((axes.xaxis, names[0]), (axes.yaxis, names[1])):
        if spaces[name].get("log"):
            style.log_axis(axis, spaces[name]["low"], spaces[name]["high"])
        axis.set_label_text(short_names(list(spaces))[name])
    axes.grid(False)
    figure.colorbar(
        mesh, ax=axes, label=f"mean {label_of(goal)}", extend="min"
    ).outline.set_visible(False)
    caption = (
        f"Arm {arm}: mean of the completed trials in each cell (n = {int(counts.sum())} trials in {int((counts > 0).sum())} cells; dots are"
        " the trials). The colours end at the worst fifth of the trials."
    )
    return Picture("interaction", f"The two most important parameters of {arm}", caption, figure)


def _edges(space: Mapping[str, float]) -> np.ndarray:
    spread = np.geomspace if space.get("log") else np.linspace
    return np.asarray(spread(space["low"], space["high"], BINS + 1))


def binned(
    x: pd.Series, y: pd.Series, values: pd.Series, x_edges: np.ndarray, y_edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(mean value [BINS, BINS] with NaN in empty cells, counts [BINS, BINS])."""
    counts, *_ = np.histogram2d(x, y, bins=[x_edges, y_edges])
    sums, *_ = np.histogram2d(x, y, bins=[x_edges, y_edges], weights=values)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0), counts

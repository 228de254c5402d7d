"""What went on inside the networks: diagnostics.csv of some replicates -> profiles over depth and over epochs."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.analysis.collect import Study
from reports.figures import style
from reports.figures.style import QUIET, Look, Picture
from reports.tables.table import span
from study import store

REPLICATES = 3  # per arm, at most: a file holds thousands of rows
ARMS = 8

QUANTITIES = {  # quantity -> (label with unit, logarithmic)
    "rate": ("firing rate (spikes / step)", False),
    "silent_fraction": ("silent cells (fraction)", False),
    "ei_ratio_current": ("E/I balance: I_sub / I_ee", False),
    "balance_correlation": ("correlation of I_ee and I_sub", False),
    "I_int_std": ("gain: SD of I_int", False),
    "I_div_q50": ("median of I_div", True),
    "grad_norm": ("gradient norm", True),
    "bimodality/I_int": ("bimodality of I_int", False),
}
OWN = "own/"  # what a function of the user's measured
TWO_MODES = 5 / 9  # a bimodality coefficient above a uniform distribution's suggests two modes


def read(study: Study, order: Sequence[str]) -> pd.DataFrame:
    """Tidy [arm, id, epoch, layer, quantity, value] of the first REPLICATES replicates of up to ARMS arms that were diagnosed."""
    parts: list[pd.DataFrame] = []
    for arm in order:
        frames = [
            frame
            for path in files(study, arm, "diagnostics.csv")[:REPLICATES]
            if len(frame := _read(path))
        ]
        parts += [frame.assign(arm=arm) for frame in frames]
        if len({part["arm"].iloc[0] for part in parts}) == ARMS:
            break
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=["arm", "id", "epoch", "layer", "quantity", "value"])
    )


def files(study: Study, arm: str, name: str) -> list[Path]:
    """This file of the arm's replicates, completed ones first, then of its search trials."""
    rows = study.trials[study.trials["arm"] == arm]
    rows = rows.assign(
        searched=rows["kind"] != "replicate", open=rows["state"] != "completed"
    ).sort_values(["searched", "open", "seed"])
    paths = [
        store.trial_folder(folder, str(identity)) / name
        for identity in rows["id"]
        for folder in study.folders
    ]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def _read(path: Path) -> pd.DataFrame:
    """One file; a half-written last line is left out. Gradient norms of a layer's parameters are joined into one."""
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1] or "epoch,layer,quantity,value\n"
    frame = pd.read_csv(io.StringIO(whole), on_bad_lines="skip", dtype={"layer": "str", "quantity": "str"}, keep_default_na=False,
                        na_values=[""])  # fmt: skip
    frame = frame.assign(
        id=path.parent.name, value=pd.to_numeric(frame["value"], errors="coerce")
    ).dropna(subset=["value", "epoch"])
    norms = frame[frame["quantity"].str.startswith("grad_norm/")]
    squares = (
        norms.assign(value=norms["value"] ** 2)
        .groupby(["id", "epoch", "layer"], sort=False, as_index=False)["value"]
        .sum()
    )
    joined = squares.assign(value=np.sqrt(squares["value"]), quantity="grad_norm")
    shown = frame["quantity"].isin(QUANTITIES) | frame["quantity"].str.startswith(OWN)
    return pd.concat([frame[shown], joined], ignore_index=True) if len(joined) else frame


def over_depth(rows: pd.DataFrame, looks: Mapping[str, Look]) -> Picture | None:
    """Each quantity along the layers after the last epoch, a line per arm: mean over replicates."""
    last = rows[rows["epoch"] == rows.groupby("id")["epoch"].transform("max")]
    present = _present(last)
    if not present:
        return None
    layers = list(dict.fromkeys(last["layer"]))
    figure, panels = style.grid(len(present), 4, 2.0, sharex=True)
    for axes, name in zip(panels, present, strict=True):
        means = last[last["quantity"] == name].groupby(["arm", "layer"])["value"].mean()
        for arm in dict.fromkeys(last["arm"]):
            if arm in means.index.get_level_values(0):
                line = means[arm].reindex(layers)
                axes.plot(
                    range(len(layers)),
                    line,
                    color=looks[arm].colour,
                    marker=looks[arm].marker,
                    markersize=3.5,
                    label=arm,
                    linewidth=1.2,
                )
        _panel(axes, name)
        axes.set_xlabel("layer")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    handles, labels = max(
        (axes.get_legend_handles_labels() for axes in panels), key=lambda pair: len(pair[1])
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)))
    n = span(last.groupby("arm")["id"].nunique())
    caption = (
        f"After the last epoch, on the probe batch: mean over n = {n} replicates per arm. Layers in order: {', '.join(layers)}."
        " Dotted: 5/9, above which the bimodality coefficient suggests two modes."
    )
    return Picture(
        "diagnostics_depth", "Activity, balance and gradients along the layers", caption, figure
    )


def over_epochs(rows: pd.DataFrame, arm: str) -> Picture | None:
    """Each quantity over the epochs for one arm, a line per layer from dark (first) to light (last)."""
    mine = rows[rows["arm"] == arm]
    present = _present(mine)
    if not present or mine["epoch"].nunique() < 2:
        return None
    layers = list(dict.fromkeys(mine["layer"]))
    colours = matplotlib.colormaps[style.SEQUENTIAL](np.linspace(0.1, 0.9, len(layers)))
    figure, panels = style.grid(len(present), 4, 2.0, sharex=True)
    for axes, name in zip(panels, present, strict=True):
        means = mine[mine["quantity"] == name].groupby(["layer", "epoch"])["value"].mean()
        for layer, colour in zip(layers, colours, strict=True):
            if layer in means.index.get_level_values(0):
                axes.plot(
                    means[layer].index, means[layer], color=colour, linewidth=1.2, label=layer
                )
        _panel(axes, name)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    handles, labels = max(
        (axes.get_legend_handles_labels() for axes in panels), key=lambda pair: len(pair[1])
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)))
    n = mine["id"].nunique()
    caption = f"Arm {arm}: mean over n = {n} replicates on the probe batch; a line per layer, from the first (dark) to the last."
    return Picture(
        "diagnostics_epochs", f"Activity, balance and gradients while {arm} learns", caption, figure
    )


def _present(rows: pd.DataFrame) -> list[str]:
    """What there is to show: our quantities, then the user's."""
    there = list(dict.fromkeys(rows["quantity"]))
    return [name for name in QUANTITIES if name in there] + [
        name for name in there if name.startswith(OWN)
    ]


def _panel(axes: Axes, name: str) -> None:
    label, logarithmic = QUANTITIES.get(name, (name, False))
    axes.set_title(label, fontsize=8, fontweight="normal")
    if logarithmic:
        values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
        values = values[values > 0]
        if values.size:
            style.log_axis(axes.yaxis, values.min() / 1.3, values.max() * 1.3)
    if name == "bimodality/I_int":
        axes.axhline(TWO_MODES, color=QUIET, linewidth=0.9, linestyle=":")

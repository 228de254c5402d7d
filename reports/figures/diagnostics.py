"""Reads what happened inside the networks: some replicates' diagnostics.csv as one tidy frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reports.analysis.collect import Study
from study import store

REPLICATES = 3  # the most per arm, since a file has thousands of rows

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
OWN = "own/"  # the prefix of quantities that the user's function measured
COLUMNS = ["arm", "id", "epoch", "layer", "quantity", "value"]
EMPTY = "epoch,layer,quantity,value\n"


def read(study: Study, order: Sequence[str]) -> pd.DataFrame:
    """Reads the diagnostics of each arm's first REPLICATES replicates into a frame of COLUMNS."""
    parts: list[pd.DataFrame] = []
    for arm in order:
        for path in files(study, arm, "diagnostics.csv")[:REPLICATES]:
            parts.append(read_file(path).assign(arm=arm))
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(filled, ignore_index=True)


def files(study: Study, arm: str, name: str) -> list[Path]:
    """Returns the arm's files of this name: replicates' (completed first), then searches'."""
    rows = study.trials[study.trials["arm"] == arm]
    searched = rows["kind"] != store.Kind.REPLICATE
    unfinished = rows["state"] != store.State.COMPLETED
    rows = rows.assign(searched=searched, open=unfinished)
    rows = rows.sort_values(["searched", "open", "seed"])
    paths = []
    for identity in rows["id"].astype(str):
        paths += [store.trial_folder(folder, identity) / name for folder in study.folders]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def read_file(path: Path) -> pd.DataFrame:
    """Reads one file without a half-written last line; adds up each layer's gradient norms."""
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1] or EMPTY
    frame = pd.read_csv(
        io.StringIO(whole),
        on_bad_lines="skip",
        dtype={"layer": "str", "quantity": "str"},
        keep_default_na=False,
        na_values=[""],
    )
    values = pd.to_numeric(frame["value"], errors="coerce")
    frame = frame.assign(id=path.parent.name, value=values).dropna(subset=["value", "epoch"])
    norms = frame[frame["quantity"].str.startswith("grad_norm/")]
    if norms.empty:
        return frame
    by_layer = norms.assign(value=norms["value"] ** 2).groupby(
        ["id", "epoch", "layer"], sort=False, as_index=False
    )
    joined = by_layer["value"].sum()
    joined = joined.assign(value=np.sqrt(joined["value"]), quantity="grad_norm")
    shown = frame["quantity"].isin(QUANTITIES) | frame["quantity"].str.startswith(OWN)
    return pd.concat([frame[shown], joined], ignore_index=True)


def present(rows: pd.DataFrame) -> list[str]:
    """Returns the quantities in these rows: ours, then the user's."""
    there = list(dict.fromkeys(rows["quantity"]))
    ours = [name for name in QUANTITIES if name in there]
    return ours + [name for name in there if name.startswith(OWN)]

"""What went on inside the networks: diagnostics.csv of some replicates as one tidy frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reports.analysis.collect import Study
from study import store

REPLICATES = 3  # per arm, at most: a file holds thousands of rows

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
COLUMNS = ["arm", "id", "epoch", "layer", "quantity", "value"]
EMPTY = "epoch,layer,quantity,value\n"


def read(study: Study, order: Sequence[str]) -> pd.DataFrame:
    """Tidy [arm, id, epoch, layer, quantity, value] of each arm's first REPLICATES replicates."""
    parts: list[pd.DataFrame] = []
    for arm in order:
        for path in files(study, arm, "diagnostics.csv")[:REPLICATES]:
            parts.append(read_file(path).assign(arm=arm))
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=COLUMNS)


def files(study: Study, arm: str, name: str) -> list[Path]:
    """This file of the arm's replicates, completed ones first, then of its search trials."""
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
    """One file; a half-written last line is left out. A layer's gradient norms become one."""
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
    """The quantities that there are: ours, then the user's."""
    there = list(dict.fromkeys(rows["quantity"]))
    ours = [name for name in QUANTITIES if name in there]
    return ours + [name for name in there if name.startswith(OWN)]

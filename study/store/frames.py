"""The study's tables as pandas frames, and its plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from eisnn.metrics import EPOCH_METRICS, TRIAL_METRICS
from study.store.columns import EPOCH_COLUMNS, TRIAL_COLUMNS
from study.store.files import StoreError, read_json

if TYPE_CHECKING:
    import pandas as pd

# Columns that tables of earlier versions may lack, and their values there: NaN for numbers that
# were not measured yet.
LATER: dict[str, Any] = dict.fromkeys((*TRIAL_METRICS, *EPOCH_METRICS), float("nan"))
LATER["repeat"] = 0


def load_plan(folder: Path) -> dict[str, Any]:
    """Reads ``plan.json``: the arms, roles, factors and comparisons that the study file asks for.

    Raises:
        StoreError: there is no readable plan, so this is not a study's folder.
    """
    plan = read_json(Path(folder) / "plan.json")
    if plan is None:
        raise StoreError(
            f"{folder}: holds no readable plan.json; "
            "give a study's folder, such as results/ei_ablation"
        )
    return plan


def trials_frame(folder: Path) -> pd.DataFrame:
    """Reads ``trials.csv``, which has one row per arm and trial that the study file asks for.

    Missing numbers are NaN.
    """
    words = ("id", "arm", "kind", "state", "reason", "started", "finished")
    return _frame(Path(folder) / "trials.csv", TRIAL_COLUMNS, words)


def epochs_frame(folder: Path) -> pd.DataFrame:
    """Reads ``epochs.csv``, one row per trial and epoch; joins with `trials_frame` on ``id``."""
    return _frame(Path(folder) / "epochs.csv", EPOCH_COLUMNS, ("id",))


def _frame(path: Path, columns: tuple[str, ...], words: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    exact: dict[str, Any] = {}
    if pd.__version__.startswith("2."):  # rounds the last digit of some numbers by default
        exact = {"float_precision": "round_trip"}
    frame = pd.read_csv(
        path,
        dtype=dict.fromkeys(words, "string"),
        keep_default_na=False,
        na_values=[""],
        **exact,
    )
    for name in columns:
        if name in frame.columns:
            continue
        if name not in LATER:
            raise StoreError(
                f"{path}: lacks the column {name!r}; "
                "repeat the study's command, which writes the table again"
            )
        frame[name] = LATER[name]
    return frame

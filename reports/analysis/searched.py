"""Helpers for figures and tables of searches: the searched arms, the objective, and names."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.analysis.collect import Study
from reports.analysis.trials import Objective, objective, trials_of

FAR = 20.0  # points; a trial so far below the best is drawn at the edge of the axis


def arms_searched(study: Study) -> list[str]:
    """Returns the arms with a completed search trial."""
    return [arm for arm in study.arm_names if trials_of(study, arm)["value"].notna().any()]


def scale_of(goal: Objective) -> float:
    """Returns the factor from the objective's stored unit to the one that reports show."""
    return 100.0 if "accuracy" in goal.name else 1.0


def label_of(goal: Objective) -> str:
    """Returns the objective's label on an axis, such as "val accuracy (%)"."""
    unit = " (%)" if scale_of(goal) == 100 else ""
    return goal.name.replace("/", " ").replace("_", " ") + unit


def short_names(names: Sequence[str] | pd.Index) -> dict[str, str]:
    """Returns the last part of each dotted path, or all of it if two end alike."""
    ends = [str(name).rsplit(".", 1)[-1] for name in names]
    found = {}
    for name, end in zip(names, ends, strict=True):
        found[str(name)] = end if ends.count(end) == 1 else str(name)
    return found


def default_trial(study: Study, arm: str) -> pd.Series | None:
    """Returns the search trial of the study file's first point, which has the default values.

    None if the file names no points, or if the trial is missing.
    """
    if not (study.plan.get("search") or {}).get("points"):
        return None
    rows = trials_of(study, arm)
    first = rows[rows["number"] == 0]
    return None if first.empty else first.iloc[0]


def best_trial(study: Study, arm: str) -> pd.Series | None:
    """Returns the completed trial with the best value (the earliest of equals), or None."""
    goal = objective(study)
    rows = trials_of(study, arm).dropna(subset=["value"])
    if rows.empty:
        return None
    return rows.sort_values("value", ascending=not goal.higher, kind="stable").iloc[0]


def floor_of(values: pd.Series, goal: Objective) -> float | None:
    """Returns the lower end of the axis, in its unit; None if no value is far from the best."""
    if not goal.higher or scale_of(goal) != 100:
        return None
    shown = (values.dropna() * 100).sort_values()
    near = shown[shown > shown.max() - FAR]
    if shown.empty or len(near) == len(shown):
        return None
    return float(near.min() - 0.1 * max(near.max() - near.min(), 1.0))

"""The trials together with their arms' overrides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.analysis.collect import Study
from study.store.columns import OVERRIDE


def with_overrides(study: Study) -> pd.DataFrame:
    """Returns the trials, with the overrides of their arms in further columns.

    Takes them from the plan, since tables of earlier versions have none and CSV files hold booleans
    as words.
    """
    frame = study.trials.copy()
    overrides: dict[str, Mapping[str, Any]] = {}
    for arm in study.arms:
        overrides[arm.name] = arm.overrides
    keys = dict.fromkeys(key for found in overrides.values() for key in found)
    for key in keys:
        values = {arm: found.get(key) for arm, found in overrides.items()}
        frame[f"{OVERRIDE}{key}"] = frame["arm"].map(values)
    return frame

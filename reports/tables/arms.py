"""The table of arms: each one's base config and its changes."""

from __future__ import annotations

import pandas as pd

from reports.analysis.arm import Arm
from reports.analysis.collect import Study
from reports.tables.cells import text_cell
from reports.tables.table import Field, Table, build


def table(study: Study) -> Table | None:
    """Returns the table; None if the plan names no arm."""
    arms = [arm for arm in study.arms if arm.base is not None]
    if not arms:
        return None
    fields: list[Field[Arm]] = [
        Field("arm", lambda arm: text_cell(arm.name), numeric=False),
        Field("role", lambda arm: text_cell(arm.role), numeric=False),
        Field("factors", lambda arm: text_cell(_factors(arm)), numeric=False),
        Field("base", lambda arm: text_cell(arm.base or ""), numeric=False),
        Field("overrides", lambda arm: text_cell(_overrides(arm)), numeric=False),
        Field("searched", lambda arm: text_cell(", ".join(arm.searched)), numeric=False),
    ]
    lines = []
    for arm in arms:
        known = {"arm": arm.name, "role": arm.role, "base": arm.base}
        lines.append({**known, **{path: str(value) for path, value in arm.overrides.items()}})
    text = "Every arm's base config, its overrides, and the parameters that it searched."
    return build("arms", "Arms", text, fields, arms, pd.DataFrame(lines))


def _factors(arm: Arm) -> str:
    """Returns a text such as 'without init, tau: slow'."""
    levels = arm.levels or dict.fromkeys(arm.factors or (), "")
    words = []
    for factor, level in levels.items():
        words.append(f"{factor}: {level}" if level else f"without {factor}")
    return ", ".join(words)


def _overrides(arm: Arm) -> str:
    return ", ".join(f"{path}: {value}" for path, value in arm.overrides.items())

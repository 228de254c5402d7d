"""What each arm is: its base configuration and what it overrides there."""

from __future__ import annotations

import pandas as pd

from reports.analysis.collect import Study
from reports.analysis.record import data_text, overrides_text, seeds_text
from reports.tables.table import Cell, Column, Table

HEADERS = ("arm", "role", "base", "overrides", "searched")


def table(study: Study) -> Table | None:
    """None before there is a plan."""
    if not study.arms:
        return None
    rows, lines = [], []
    for arm in study.arms:
        searched = ", ".join(arm.get("searched") or ())
        words = [arm["name"], arm.get("role", ""), arm.get("base") or "", overrides_text(arm)]
        cells = [Cell(word or "–", word) for word in (*words, searched)]
        rows.append(tuple(cells))
        lines.append(dict(zip(HEADERS, (*words, searched), strict=True)))
    parts = [data_text(study), seeds_text(study)]
    said = ". ".join(part for part in parts if part)
    caption = f"Data and seeds: {said}." if said else ""
    columns = tuple(Column(header, numeric=False) for header in HEADERS)
    return Table("arms", "What was trained", caption, columns, tuple(rows), pd.DataFrame(lines))

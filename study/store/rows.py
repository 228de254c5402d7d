"""The rows of ``trials.csv``, without pandas."""

from __future__ import annotations

import csv
from pathlib import Path

from study.store.records import Key, State


def read_rows(folder: Path) -> dict[Key, dict[str, str]]:
    """Returns the rows of a study's table by key, as text; leaves out unreadable ones."""
    try:
        with open(folder / "trials.csv", encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return {}
    rows = {}
    for line in lines:
        try:
            number, repeat = int(line["number"]), int(line.get("repeat") or 0)
            index = int(line.get("seed_index") or 0)
            State(line["state"])
        except (KeyError, TypeError, ValueError):
            continue
        rows[Key(line["arm"], line["kind"], repeat, number, index)] = line
    return rows

"""The values that searches chose, and how the chosen configurations did with fresh seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.analysis.collect import Study
from reports.analysis.searched import arms_searched, label_of, scale_of
from reports.analysis.trials import Objective, objective
from reports.analysis.tuned import Overtuning, Tuned, overtuning, tuned_values
from reports.analysis.words import DASH, number, significant_digits
from reports.tables.table import Cell, Column, Table

TUNED = ("parameter", False), ("chosen", True), ("best quarter", True), ("trials in it", True)
HELD = (
    "search trials",
    "best in search",
    "replicates, validation",
    "change",
    "replicates, test",
    "change",
    "n",
)


def tuned_table(study: Study) -> Table | None:
    """Returns the chosen values, the range of each search's best quarter, and too narrow ranges."""
    records: list[Tuned] = []
    for arm in arms_searched(study):
        records += tuned_values(study, arm)
    if not records:
        return None
    columns = (
        Column("arm", False),
        *(Column(*header) for header in TUNED),
        Column("range", False),
    )
    caption = (
        "Value of each searched parameter in the arm's best trial, and in the best quarter of its"
        " completed trials: a wide quarter means that the value hardly matters. A value within a"
        " twentieth of an end of the searched range suggests a wider range."
    )
    rows, lines = [], []
    for record in records:
        rows.append(_tuned_row(record, study.plan["parameters"][record.parameter]["type"]))
        words = {key: str(getattr(record, key)) for key in ("chosen", "low", "high")}
        lines.append({**vars(record), **words})
    return Table("tuned", "Tuned values", caption, columns, tuple(rows), pd.DataFrame(lines))


def _tuned_row(record: Tuned, kind: str) -> tuple[Cell, ...]:
    low, high = _value(record.low), _value(record.high)
    edge = f"near its {record.at_edge} end" if record.at_edge else DASH
    return (
        Cell(record.arm, record.arm),
        Cell(record.parameter, record.parameter),
        _value_cell(record.chosen, kind),
        Cell(low if low == high else f"{low} to {high}"),
        Cell(str(record.trials), record.trials),
        Cell(edge, record.at_edge, tone="worse" if record.at_edge else ""),
    )


def _is_number(value: object) -> bool:
    flag = isinstance(value, (bool, np.bool_))
    return isinstance(value, (int, float, np.number)) and not flag


def _value(value: Any) -> str:
    if not _is_number(value):
        return str(value)
    return significant_digits(float(value))


def _value_cell(value: Any, kind: str) -> Cell:
    """Returns a value of a range with three digits, and a choice or a whole number as it is."""
    if not _is_number(value):
        return Cell(str(value), str(value))
    return Cell(_value(value) if kind == "float" else f"{float(value):g}", float(value))


def overtuning_table(study: Study) -> Table | None:
    """Returns each search's best value beside those of its configuration with fresh seeds."""
    goal = objective(study)
    found = [overtuning(study, arm) for arm in arms_searched(study)]
    records = [record for record in found if record is not None]
    if not records:
        return None
    caption = (
        f"{label_of(goal).capitalize()}: the search's best trial, the same configuration with fresh"
        " seeds, and on test data. A first change far below zero shows that the search selected"
        " luck; the second is the price of tuning on validation data. Only replicates read test"
        " data."
    )
    columns = (Column("arm", False), *map(Column, HELD))
    rows = tuple(_held_row(record, goal) for record in records)
    frame = pd.DataFrame([vars(record) for record in records])
    return Table("overtuning", "What was promised and what held", caption, columns, rows, frame)


def _held_row(record: Overtuning, goal: Objective) -> tuple[Cell, ...]:
    return (
        Cell(record.arm, record.arm),
        Cell(str(record.trials), record.trials),
        Cell(_show(record.searched, goal), record.searched),
        Cell(_show(record.validation, goal), record.validation),
        _change(record.searched, record.validation, goal),
        Cell(_show(record.test, goal), record.test),
        _change(record.validation, record.test, goal),
        Cell(str(record.n), record.n),
    )


def _show(value: float, goal: Objective) -> str:
    if scale_of(goal) == 100:
        return number(100 * value)
    return significant_digits(value)


def _change(before: float, after: float, goal: Objective) -> Cell:
    return Cell(number((after - before) * scale_of(goal), 2, True), after - before)

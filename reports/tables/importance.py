"""The searched parameters that matter more than they would by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from reports.analysis.collect import Study
from reports.analysis.importance import LEAST_FOR_IMPORTANCE, Importance, missing
from reports.analysis.words import number, with_interval
from reports.tables.cells import text_cell
from reports.tables.table import Cell, Field, Table, build


@dataclass(frozen=True)
class Row:
    arm: str
    record: Importance


def table(study: Study, found: Mapping[str, Sequence[Importance]]) -> Table | None:
    """Returns the table; None before an arm has enough completed trials."""
    rows = [Row(arm, record) for arm, records in found.items() for record in records]
    if not rows:
        return None
    fields: list[Field[Row]] = [
        Field("arm", lambda row: text_cell(row.arm), numeric=False),
        Field("parameter", lambda row: text_cell(row.record.parameter), numeric=False),
        Field("explained [90 % CI]", _share),
        Field("by chance up to", lambda row: Cell(number(row.record.null), row.record.null)),
        Field("verdict", _verdict, numeric=False),
    ]
    silent = [words for arm in found if (words := missing(study, arm))]
    text = (
        "Part of the metric's variance over an arm's completed trials that the parameter alone"
        " explains (fANOVA with a bootstrap interval), and what the first of the parameters"
        f" explains in 95 % of searches whose values are shuffled. From {LEAST_FOR_IMPORTANCE}"
        " completed trials on."
    )
    if silent:
        text += f" Not said: {'; '.join(silent)}."
    lines = [
        {"arm": row.arm, **vars(row.record), "stands_out": row.record.stands_out} for row in rows
    ]
    return build("importance", "Parameter importance", text, fields, rows, pd.DataFrame(lines))


def _share(row: Row) -> Cell:
    record = row.record
    shown = (number(value) for value in (record.share, record.low, record.high))
    return Cell(with_interval(*shown), record.share, bold=record.stands_out)


def _verdict(row: Row) -> Cell:
    if row.record.stands_out:
        return text_cell("matters")
    word = "not told from chance"
    return Cell(word, word, tone="quiet")

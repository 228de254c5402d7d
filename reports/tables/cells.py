"""Cells that several tables share: a value, a difference, a verdict, a share that trained."""

from __future__ import annotations

from reports.analysis.compare import ArmResult
from reports.analysis.differences import Difference
from reports.analysis.options import Options
from reports.analysis.words import DASH, show, significant_digits, with_interval
from reports.tables.table import Cell


def text_cell(text: str) -> Cell:
    return Cell(text, text)


def figure_cell(value: float, options: Options) -> Cell:
    return Cell(show(value, options), value)


def digits_cell(value: float, factor: float = 1.0) -> Cell:
    return Cell(significant_digits(value * factor), value)


def value_cell(result: ArmResult, options: Options, bold: bool = False) -> Cell:
    text = with_interval(*(show(x, options) for x in (result.mean, result.low, result.high)))
    return Cell(text, result.mean, bold=bold)


def difference_cell(record: Difference | None, options: Options, *, note: bool = True) -> Cell:
    """Returns the paired difference with its interval, and the verdict as its note."""
    if record is None or not record.n:
        return Cell(DASH, None)
    bounds = (show(x, options, True) for x in (record.low, record.high))
    word = record.verdict
    return Cell(
        with_interval(show(record.mean, options, True), *bounds),
        record.mean,
        significant=word.is_difference,
        tone=word.tone if word.is_difference else "",
        note=str(word) if note else "",
    )


def verdict_cell(record: Difference | None) -> Cell:
    if record is None or not record.n:
        return Cell(DASH, "")
    return Cell(str(record.verdict), str(record.verdict), tone=record.verdict.tone)


def n_cell(result: ArmResult) -> Cell:
    """Returns '3', or '2 of 3' if replicates are missing."""
    text = str(result.n)
    if result.n != result.planned:
        text = f"{result.n} of {result.planned}"
    return Cell(text, result.n)


def trained_cell(result: ArmResult) -> Cell:
    """Returns '6 of 10', with Wilson's interval of the share as its note if some did not train."""
    trained = result.trained
    if not trained.runs:
        return Cell(DASH, None)
    share = trained.trained / trained.runs
    if trained.trained == trained.runs:
        return Cell(trained.text, share)
    note = f"{100 * trained.low:.0f} to {100 * trained.high:.0f} %"
    return Cell(trained.text, share, note=note, tone="worse")

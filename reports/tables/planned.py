"""Planned comparisons: pairs of arms that the study file names (report.pairs).

They belong to the page's one family of tests. A pair should be chosen before its results are seen,
so pairs are named in the study file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from reports.analysis import outcomes
from reports.analysis.collect import Study
from reports.analysis.differences import differences
from reports.analysis.options import Options
from reports.analysis.verdicts import plural
from reports.analysis.words import metric_header, metric_name, reading, show
from reports.tables.captions import adjustment
from reports.tables.cells import text_cell
from reports.tables.results import Compared, compared_line, comparison_fields
from reports.tables.table import Cell, Field, Table, build


@dataclass(frozen=True)
class Planned(Compared):
    """``arm`` against ``record.against``, with both means over the units that the two share."""

    mean: float = math.nan
    other: float = math.nan


def title(options: Options) -> str:
    if options.pairs_asked:
        return "Comparisons asked for"
    return "Planned comparisons"


def comparisons(study: Study, options: Options) -> list[Planned]:
    """Returns one record per pair, in the study file's order."""
    values = outcomes.values(study, options)
    trained = {arm: outcomes.trained(study, options, arm) for arm in study.arm_names}
    found = differences(study, values, trained, options)
    records = []
    for one, other in options.pairs:
        shared = values[[one, other]].dropna()
        means = [outcomes.per_unit(shared[name], options).mean() for name in (one, other)]
        records.append(Planned(one, found[one, other], float(means[0]), float(means[1])))
    return records


def table(study: Study, options: Options) -> Table | None:
    """Returns the table; None without pairs, or before one of them has a unit."""
    records = comparisons(study, options)
    if not any(item.record.n for item in records):
        return None
    header = metric_header(options)

    def value(mean: float) -> Cell:
        return Cell(show(mean, options), None if math.isnan(mean) else mean)

    n, *others = comparison_fields(options)
    fields: list[Field[Planned]] = [
        Field("arm", lambda item: text_cell(item.arm), numeric=False),
        Field("against", lambda item: text_cell(item.record.against), numeric=False),
        Field(n.header, n.cell),
        Field(f"arm, {header}", lambda item: value(item.mean)),
        Field(f"against, {header}", lambda item: value(item.other)),
        *others,
    ]
    lines = []
    for item in records:
        lines.append({**compared_line(item), "arm_mean": item.mean, "against_mean": item.other})
    return build("planned", title(options), _caption(options), fields, records, pd.DataFrame(lines))


def _caption(options: Options) -> str:
    named = "in the study file (report.pairs)"
    if options.pairs_asked:
        named = "on the command line (--pair)"
    family = plural(options.comparisons, "comparison")
    return (
        f"Pairs named {named}. {metric_name(options).capitalize()} {reading(options)};"
        f" both means are over the n {options.unit}s that the two arms share."
        " Difference: arm minus the other, in"
        f" {options.unit_of_differences}; {adjustment(options, family)} (* a difference)."
    )

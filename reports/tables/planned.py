"""Planned comparisons: pairs of arms that the study file names (report.pairs), such as each depth with and without normalisation.

They are a family of tests of their own, corrected over themselves; the main table's comparisons are not among them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pandas as pd

from reports.analysis import statistics
from reports.analysis.collect import Study
from reports.analysis.compare import Difference, Options, by_seed, difference, judged
from reports.tables.results import (
    difference_cell,
    metric_header,
    metric_name,
    reading,
    show,
    verdict_cell,
)
from reports.tables.table import Cell, Column, Table, number, p_text


@dataclass(frozen=True)
class Planned:
    """``arm`` against ``record.against``; both means are over the seeds that the two share."""

    arm: str
    mean: float
    other: float
    record: Difference


def title(options: Options) -> str:
    return "Comparisons asked for" if options.pairs_asked else "Planned comparisons"


def comparisons(study: Study, options: Options) -> list[Planned]:
    """One record per pair, in the study file's order."""
    values = by_seed(study, options.column)
    found = judged(
        [difference(values[one], values[other], other, options) for one, other in options.pairs],
        options,
    )
    shared = [values[list(pair)].dropna().mean() for pair in options.pairs]
    return [
        Planned(one, float(mean[one]), float(mean[other]), record)
        for (one, other), mean, record in zip(options.pairs, shared, found, strict=True)
    ]


def table(study: Study, options: Options) -> Table | None:
    """None without pairs, or before the first of them has a seed."""
    records = comparisons(study, options)
    if not any(item.record.n for item in records):
        return None
    header = metric_header(options)
    headers = (
        "n",
        f"arm, {header}",
        f"against, {header}",
        f"difference [{100 * options.confidence:g} % CI]",
        "p",
        f"p ({options.correction})",
    )
    columns = (
        Column("arm", False),
        Column("against", False),
        *map(Column, headers),
        Column("d"),
        Column("verdict", False),
    )
    rows, lines = [], []
    for item in records:
        record = item.record
        cells = [
            Cell(item.arm, item.arm),
            Cell(record.against, record.against),
            Cell(str(record.n), record.n),
        ]
        cells += [
            Cell(show(mean, options), None if math.isnan(mean) else mean)
            for mean in (item.mean, item.other)
        ]
        cells += [
            replace(difference_cell(record, options), note=""),
            Cell(p_text(record.p), record.p),
        ]
        cells += [
            Cell(p_text(record.p_corrected), record.p_corrected),
            Cell(number(record.effect), record.effect),
        ]
        rows.append((*cells, verdict_cell(record)))
        lines.append(
            {"arm": item.arm, "arm_mean": item.mean, "against_mean": item.other, **vars(record)}
        )
    return Table(
        "planned",
        title(options),
        _caption(records, options),
        columns,
        tuple(rows),
        pd.DataFrame(lines),
    )


def _caption(records: list[Planned], options: Options) -> str:
    family = [item.record for item in records if item.record.n]
    size = f"{len(family)} comparison{'s' if len(family) > 1 else ''}"
    named = (
        "on the command line (--pair)"
        if options.pairs_asked
        else "in the study file (report.pairs)"
    )
    correction = {
        "holm": f"Holm-corrected over this table's {size}",
        "bonferroni": f"Bonferroni-corrected over this table's {size}",
    }
    unit = "points" if options.percent else "units of the metric"
    text = (
        f"Pairs named {named}. {metric_name(options).capitalize()} {reading(options)}; both means are over the n seeds that the two"
        f" arms share. Difference: arm minus the other, paired by seed, in {unit}. Two-sided sign-flip permutation test,"
        f" {correction.get(options.correction, 'uncorrected')} and not over the main table's, at level {options.alpha:g} (* significant)."
        " d: Hedges-corrected Cohen's d of the paired differences."
    )
    most, needed = (
        max(record.n for record in family),
        statistics.seeds_needed(len(family), options.alpha, options.correction),
    )
    if most < needed:
        text += (
            f" {needed} seeds are needed for every one of them to be able to reach significance."
        )
    return text

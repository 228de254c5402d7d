"""Tables of the comparison: the main one, a short one, and one of every comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports.analysis.collect import STATES, Study
from reports.analysis.compare import ArmResult
from reports.analysis.differences import Difference
from reports.analysis.options import Options
from reports.analysis.verdicts import plural
from reports.analysis.words import effect_text, metric_header, metric_name, number, p_text
from reports.tables.captions import caption
from reports.tables.cells import (
    difference_cell,
    digits_cell,
    figure_cell,
    n_cell,
    text_cell,
    trained_cell,
    value_cell,
    verdict_cell,
)
from reports.tables.states import all_states, states_text
from reports.tables.table import Cell, Field, Table, build
from study.store import Kind


def best_arms(results: Sequence[ArmResult], options: Options) -> set[str]:
    """Returns the best arm among those with most units, and all that are not told apart from it.

    Arms are told apart if the unadjusted 95 % intervals of their means do not overlap. With one
    unit per arm there is no best one.
    """
    most = max((result.units for result in results), default=0)
    whole = [result for result in results if result.units == most]
    if most < 2 or len(whole) < 2 or options.better is None:
        return set()
    sign = 1 if options.higher_is_better else -1
    best = max(whole, key=lambda result: sign * result.mean)
    names = {best.arm}
    for result in whole:
        overlaps = result.low <= best.high and result.high >= best.low
        if overlaps or result.mean == best.mean:
            names.add(result.arm)
    return names


def _fields(
    results: Sequence[ArmResult], options: Options, *, short: bool = False
) -> list[Field[ArmResult]]:
    """Returns the main table's columns; with ``short``, those that fit into a terminal."""
    best = best_arms(results, options)
    interval = f"[{100 * options.confidence:g} % CI]"
    header = metric_header(options)
    bold = "Bold: the best, and what its interval overlaps." if best and not short else ""
    other = "at last epoch"
    if options.at == "last":
        other = "at best val. epoch"
    fields: list[Field[ArmResult]] = [
        Field("arm", lambda r: text_cell(r.arm), numeric=False),
        Field("n", n_cell),
        Field("trained", trained_cell),
        Field(
            header if short else f"{header} {interval}",
            lambda r: value_cell(r, options, r.arm in best),
            says=bold,
        ),
        Field("SD", lambda r: figure_cell(r.sd, options), detail=True, paper=False),
        Field("of those that trained", _of_trained(options), detail=True, paper=False),
        Field(other, lambda r: figure_cell(r.other, options), detail=True),
    ]
    if not any(result.failed for result in results):
        fields = [field for field in fields if field.header != "of those that trained"]
    if not any(result.other == result.other for result in results):
        fields = [field for field in fields if field.header != other]
    for against in options.against:
        fields.append(_difference_field(against, options, short))
    if short:
        kept = [field for field in fields if not field.detail]
        return [*kept, Field("replicates", lambda r: Cell(all_states(r)), numeric=False)]
    return [
        *fields,
        *_cost_fields(),
        Field("replicates", _ended, numeric=False, detail=True, paper=False),
    ]


def _of_trained(options: Options):  # type: ignore[no-untyped-def]
    return lambda result: figure_cell(result.trained.mean, options)


def _difference_field(against: str, options: Options, short: bool) -> Field[ArmResult]:
    def cell(result: ArmResult) -> Cell:
        record = result.differences.get(against)
        shown = difference_cell(record, options)
        if not short:
            return shown
        word = record.verdict if record and record.n else ""
        return Cell(f"{shown.text} {word}".strip(), significant=shown.significant)

    return Field(f"− {against}" if short else f"difference to {against}", cell)


def _cost_fields() -> list[Field[ArmResult]]:
    def parameters(result: ArmResult) -> Cell:
        return Cell(number(result.costs["parameters"], 0), result.costs["parameters"])

    return [
        Field("parameters", parameters),
        Field("s / epoch", lambda r: digits_cell(r.costs["seconds_per_epoch"]), paper=False),
        Field(
            "firing rate", lambda r: digits_cell(r.costs["firing_rate"]), detail=True, paper=False
        ),
    ]


def _ended(result: ArmResult) -> Cell:
    searched = result.states.get(Kind.SEARCH)
    ended = states_text(result.states.get(Kind.REPLICATE, {}))
    note = f"search: {states_text(searched)}" if searched else ""
    return Cell(ended, ended, tone="quiet", note=note)


def main_table(study: Study, results: Sequence[ArmResult], options: Options) -> Table:
    title = f"{study.name}: {metric_name(options)} per arm"
    text = caption(study, results, options)
    return build("main", title, text, _fields(results, options), results, frame(results))


def short_table(study: Study, results: Sequence[ArmResult], options: Options) -> Table:
    """Returns the main table, narrow enough for a terminal."""
    percent = f"{100 * options.confidence:g} %"
    title = f"{study.name}: {metric_name(options)} [{percent} confidence interval]"
    if study.unfinished:
        title += f"  ({study.unfinished} of {len(study.trials)} trials not finished yet)"
    text = caption(study, results, options)
    fields = _fields(results, options, short=True)
    return build("short", title, text, fields, results, frame(results))


def frame(results: Sequence[ArmResult]) -> pd.DataFrame:
    """Returns the raw numbers, one row per arm, with accuracies as fractions.

    Differences are in the columns diff_<arm>, diff_<arm>_low and so on.
    """
    lines = []
    for result in results:
        line = {"arm": result.arm, "role": result.role, "n": result.n, "planned": result.planned}
        line |= {"trained": result.trained.trained, "runs": result.trained.runs}
        line |= {key: getattr(result, key) for key in ("mean", "sd", "low", "high", "other")}
        line["mean_of_trained"] = result.trained.mean
        for against, record in result.differences.items():
            line |= {
                f"diff_{against}": record.mean,
                f"diff_{against}_low": record.low,
                f"diff_{against}_high": record.high,
                f"p_{against}": record.p,
                f"p_corrected_{against}": record.p_corrected,
                f"verdict_{against}": str(record.verdict),
            }
        line |= dict(result.costs)
        for kind, counts in result.states.items():
            line |= {f"{kind}_{state}": counts.get(state, 0) for state in STATES}
        lines.append(line)
    return pd.DataFrame(lines)


@dataclass(frozen=True)
class Compared:
    """A difference, and the arm that it belongs to."""

    arm: str
    record: Difference


def comparison_fields(options: Options) -> list[Field[Compared]]:
    """Returns the columns of a table of comparisons, after those that name its arms."""
    correction = options.correction.replace("_", " ")
    if options.test == "sign_flip":
        correction = "sign flip"
    return [
        Field(
            "n",
            lambda item: Cell(str(item.record.n), item.record.n),
            says=f"n: paired {options.unit}s.",
        ),
        Field("difference", lambda item: difference_cell(item.record, options, note=False)),
        Field("p", lambda item: Cell(p_text(item.record.p), item.record.p)),
        Field(
            f"p ({correction})",
            lambda item: Cell(p_text(item.record.p_corrected), item.record.p_corrected),
        ),
        Field(
            "d",
            lambda item: Cell(effect_text(item.record.effect), item.record.effect),
            says="d: Hedges-corrected Cohen's d of the paired differences.",
        ),
        Field(
            "p (trains)",
            lambda item: Cell(p_text(item.record.p_trains), item.record.p_trains),
            says="p (trains): exact McNemar test on training at all, not adjusted.",
        ),
        Field("verdict", lambda item: verdict_cell(item.record), numeric=False),
        Field("would decide", lambda item: _more(item.record, options), numeric=False, detail=True),
    ]


def _more(record: Difference, options: Options) -> Cell:
    if record.more is None:
        return Cell()
    return Cell(plural(record.more, f"more {options.unit}"), record.more)


def comparison_table(results: Sequence[ArmResult], options: Options) -> Table:
    """Returns every test of the main table with its p-values and effect size."""
    records = []
    for result in results:
        for record in result.differences.values():
            # The comparison of reference and baseline is listed once, in the baseline's row.
            if (record.against, result.arm) != options.against:
                records.append(Compared(result.arm, record))
    fields: list[Field[Compared]] = [
        Field("arm", lambda item: text_cell(item.arm), numeric=False),
        Field("against", lambda item: text_cell(item.record.against), numeric=False),
        *comparison_fields(options),
    ]
    lines = [compared_line(item) for item in records]
    return build("comparisons", "Every comparison", "", fields, records, pd.DataFrame(lines))


def compared_line(item: Compared) -> dict[str, object]:
    """Returns the record's numbers, as a line of the table's frame."""
    known = {key: value for key, value in vars(item.record).items() if key != "units"}
    return {"arm": item.arm, **known, "verdict": str(item.record.verdict)}

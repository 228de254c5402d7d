"""Tables of an ablation's records: the effect of each factor, and all terms of a design."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.analysis import ablation, designs
from reports.analysis.ablation import ADDED, MAIN, SHAPLEY, TAKEN, Cells, Effect
from reports.analysis.collect import Study
from reports.analysis.options import Options
from reports.analysis.words import interval_words, metric_name, p_text, show, with_interval
from reports.tables.cells import text_cell
from reports.tables.table import Cell, Column, Field, Table, build

MEANING = {
    TAKEN: "the whole minus the network without it",
    ADDED: "the network with it alone minus the one with none of the factors",
    MAIN: "with minus without, averaged over all combinations of the others",
    SHAPLEY: "its contribution averaged over all orders of adding the factors; they sum to the"
    " whole minus the bare network",
}


def effect_table(factors: Sequence[str], effects: Sequence[Effect], options: Options) -> Table:
    """Returns a row per factor, a column per kind of effect."""
    kinds = list(dict.fromkeys(record.kind for record in effects))
    found = {(record.factors, record.kind): record for record in effects}
    rows, lines = [], []
    for factor in factors:
        cells = [Cell(factor, factor)]
        for kind in kinds:
            record = found.get(((factor,), kind))
            cells.append(effect_cell(record, options) if record else Cell())
        rows.append(tuple(cells))
    for record in effects:
        lines.append({**vars(record), "factors": " + ".join(record.factors)})
    columns = (Column("factor", False), *map(Column, kinds))
    return Table("ablation", "Effect of each factor", _caption(kinds, options), columns,
                 tuple(rows), pd.DataFrame(lines))  # fmt: skip


def _caption(kinds: Sequence[str], options: Options) -> str:
    unit = " in points" if options.percent else ""
    meanings = "; ".join(f"{kind}: {MEANING[kind]}" for kind in kinds)
    text = (
        f"Effect of each factor on {metric_name(options)}{unit}, paired by seed, with its"
        f" {interval_words(options)}, not corrected for their number. {meanings}."
    )
    if ADDED in kinds:
        text += (
            " A factor that is worth more alone than at the end is redundant with others; the"
            " reverse is synergy."
        )
    return text + " A dash: a network that the effect needs has no value."


def effect_cell(record: Effect, options: Options) -> Cell:
    """Returns the mean with its interval, and n as its note."""
    if not record.n:
        return Cell()
    ends = (show(end, options, True) for end in (record.low, record.high))
    text = with_interval(show(record.mean, options, True), *ends)
    return Cell(text, record.mean, note=f"n = {record.n}")


def design_table(study: Study, options: Options) -> Table | None:
    """Returns main effects and interactions of every order.

    None if a combination is missing, or if there are fewer than two factors.
    """
    design = designs.design_of(study, options)
    records = designs.contrasts(design, options)
    if len(design.levels) < 2 or not any(record.n for record in records):
        return None
    fields: list[Field[Effect]] = [
        Field("term", lambda record: text_cell(_term(record)), numeric=False),
        Field("effect", lambda record: effect_cell(record, options)),
        Field("p", lambda record: Cell(p_text(record.p), record.p)),
        Field("p (single step)", lambda r: Cell(p_text(r.p_corrected), r.p_corrected)),
    ]
    unit = " in points" if options.percent else ""
    caption = (
        f"Effects on {metric_name(options)}{unit}, paired by {options.unit}, averaged over all"
        " combinations of the other factors: with minus without a factor, or a level minus the"
        " reference's own. An interaction says by how much its parts change each other's effect."
        f" {100 * options.confidence:g} % intervals stand for one term; p (single step) is adjusted"
        f" for the table's {len(records)} terms."
    )
    lines = [{**vars(record), "factors": _term(record)} for record in records]
    return build("interactions", "Main effects and interactions", caption, fields, records,
                 pd.DataFrame(lines))  # fmt: skip


def _term(record: Effect) -> str:
    return " × ".join(record.factors)


def missing_text(factors: Sequence[str], y: Cells) -> str:
    """Says which combinations have no value."""
    missing = ablation.missing_cells(factors, y)
    if not missing:
        return ""
    return f"No value for: {'; '.join(missing)}. Effects that need them are not shown."

"""What the searches chose, and what held of what they promised: tables and a figure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.analysis import search
from reports.analysis.collect import Study
from reports.analysis.search import Objective
from reports.figures import style
from reports.figures.comparison import FAR
from reports.figures.search import arms_searched, label_of, scale_of
from reports.figures.style import LINE, QUIET, Look, Picture
from reports.tables.table import DASH, Cell, Column, Table, number, significant_digits, span


def _show(value: float, goal: Objective) -> str:
    return number(100 * value) if scale_of(goal) == 100 else significant_digits(value)


def tuned_table(study: Study) -> Table | None:
    """The chosen values, where the best quarter of each search lies, and whether a range was too small."""
    records = [record for arm in arms_searched(study) for record in search.tuned_values(study, arm)]
    if not records:
        return None
    rows = []
    for record in records:
        low, high = _value(record.low), _value(record.high)
        cells = [
            Cell(record.arm, record.arm),
            Cell(record.parameter, record.parameter),
            _value_cell(record.chosen, study.plan["parameters"][record.parameter]["type"]),
        ]
        cells += [
            Cell(low if low == high else f"{low} to {high}"),
            Cell(str(record.trials), record.trials),
        ]
        rows.append(
            (
                *cells,
                Cell(
                    f"near its {record.at_edge} end" if record.at_edge else DASH,
                    record.at_edge,
                    tone="worse" if record.at_edge else "",
                ),
            )
        )
    headers = (
        ("parameter", False),
        ("chosen", True),
        ("best quarter", True),
        ("trials in it", True),
        ("range", False),
    )
    text = (
        "Value of each searched parameter in the arm's best trial, and in the best quarter of its completed trials: a wide quarter means"
        " that the value hardly matters. A value within a twentieth of an end of the searched range asks for a wider range."
    )
    raw = pd.DataFrame(
        [
            {**vars(r), **{key: str(vars(r)[key]) for key in ("chosen", "low", "high")}}
            for r in records
        ]
    )
    return Table(
        "tuned",
        "Tuned values",
        text,
        (Column("arm", False), *(Column(*h) for h in headers)),
        tuple(rows),
        raw,
    )


def _value(value: object) -> str:
    return (
        significant_digits(float(value))
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        else str(value)
    )


def _value_cell(value: object, kind: str) -> Cell:
    """A range's value with three digits; a choice or a whole number as it is."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)):
        return Cell(_value(value) if kind == "float" else f"{float(value):g}", float(value))
    return Cell(str(value), str(value))


def overtuning_table(study: Study) -> Table | None:
    """Validation gain against test gain."""
    goal = search.objective(study)
    records = [
        record
        for arm in arms_searched(study)
        if (record := search.overtuning(study, arm)) is not None
    ]
    if not records:
        return None
    columns = (
        "search trials",
        "best in search",
        "replicates, validation",
        "change",
        "replicates, test",
        "change",
        "n",
    )
    rows = []
    for r in records:
        signed = [
            number((b - a) * scale_of(goal), 2, True)
            for a, b in ((r.searched, r.validation), (r.validation, r.test))
        ]
        cells = [
            Cell(r.arm, r.arm),
            Cell(str(r.trials), r.trials),
            Cell(_show(r.searched, goal), r.searched),
        ]
        cells += [
            Cell(_show(r.validation, goal), r.validation),
            Cell(signed[0], r.validation - r.searched),
        ]
        cells += [Cell(_show(r.test, goal), r.test), Cell(signed[1], r.test - r.validation)]
        rows.append((*cells, Cell(str(r.n), r.n)))
    text = (
        f"{label_of(goal).capitalize()}: what the search promised (its best trial), the same configuration with fresh seeds, and on test"
        " data. A first change far below zero is luck that the search selected; the second is the price of tuning on validation data."
        " Test data were read by replicates only."
    )
    raw = pd.DataFrame([vars(record) for record in records])
    return Table(
        "overtuning",
        "What was promised and what held",
        text,
        (Column("arm", False), *map(Column, columns)),
        tuple(rows),
        raw,
    )


def overtuning_picture(study: Study, looks: Mapping[str, Look]) -> Picture | None:
    goal = search.objective(study)
    records = [
        record
        for arm in arms_searched(study)
        if (record := search.overtuning(study, arm)) is not None
    ]
    if len(records) < 2:
        return None
    scale = scale_of(goal)
    figure = Figure(figsize=(style.WIDTH, 0.9 + 0.3 * len(records)), layout="constrained")
    axes = figure.subplots()
    style.rows_on_y(axes, [record.arm for record in records])
    for row, r in enumerate(records):
        points = [x * scale for x in (r.searched, r.validation, r.test)]
        axes.plot(points, [row] * 3, color=LINE, linewidth=1.2, zorder=1)
        axes.scatter(
            points[:1],
            [row],
            s=40,
            marker="D",
            facecolors="none",
            edgecolors=QUIET,
            linewidths=1.1,
            zorder=3,
        )
        axes.scatter(
            points[1:2],
            [row],
            s=36,
            marker="o",
            facecolors="none",
            edgecolors=looks[r.arm].colour,
            linewidths=1.4,
            zorder=3,
        )
        axes.scatter(points[2:], [row], s=36, marker="o", color=looks[r.arm].colour, zorder=3)
    tests = [r.test * scale for r in records]
    near = [r for r in records if not goal.higher or max(tests) - r.test * scale < FAR]
    shown = [x * scale for r in near for x in (r.searched, r.validation, r.test)]
    margin = 0.06 * (max(shown) - min(shown)) + 0.05
    axes.set_xlim(min(shown) - margin, max(shown) + margin)
    axes.set_xlabel(label_of(goal).removeprefix("val "))
    for marker, face, label in (
        ("D", "none", "best trial of the search"),
        ("o", "none", "replicates, validation"),
        ("o", QUIET, "replicates, test"),
    ):
        axes.scatter([], [], marker=marker, facecolors=face, edgecolors=QUIET, label=label)
    figure.legend(loc="outside upper left", ncols=3)
    away = [r.arm for r in records if r not in near]
    caption = (
        "Diamond: the search's best trial on validation data. Circle: the same configuration with fresh seeds, on validation data. Disc: on"
        f" test data. Means over n = {span(r.n for r in records)} replicates."
        + (f" Outside the axis: {', '.join(away)}." if away else "")
    )
    return Picture("overtuning", "What was promised and what held", caption, figure)

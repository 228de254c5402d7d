"""A table as a record, and its renderings: CSV, parquet, Markdown, LaTeX (booktabs) and terminal text. The page draws its own HTML.

``Table.frame`` holds the raw numbers in SI-free base units (accuracies as fractions); the cells hold what people read.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reports.files import write_text, written

DASH = "–"
MINUS = "−"


@dataclass(frozen=True)
class Cell:
    """``value`` sorts the column; ``note`` is a second, small line; ``tone`` colours the cell of the page (better | worse | quiet)."""

    text: str = DASH
    value: float | str | None = None
    bold: bool = False
    significant: bool = False
    tone: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    header: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """``name`` is the file's stem; ``paper`` the columns that LaTeX prints (a page is narrow), all if empty."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    frame: pd.DataFrame
    paper: tuple[int, ...] = ()


def number(value: float, decimals: int = 2, signed: bool = False) -> str:
    """'12,345.68'; with a true minus sign; a dash for a missing value."""
    if value is None or math.isnan(value):
        return DASH
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def significant_digits(value: float, digits: int = 3) -> str:
    """'0.00123', '1,230': for figures of unknown size, such as losses and learning rates."""
    if value is None or math.isnan(value):
        return DASH
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return (
            f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e").replace("-", MINUS)
        )
    return number(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def p_text(p: float) -> str:
    if math.isnan(p):
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def span(counts: Iterable[int]) -> str:
    """'8', or '6 to 8' where they differ; for captions."""
    found = sorted(counts)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]} to {found[-1]}"


def with_interval(middle: str, low: str, high: str) -> str:
    return middle if low == DASH else f"{middle} [{low}, {high}]"


def to_markdown(table: Table) -> str:
    def row(cells: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(
                text.replace("|", "\\|")
                .replace("*", "\\*")
                .replace("\\*\\*", "**")
                .replace("\n", " ")
                for text in cells
            )
            + " |"
        )

    lines = [f"**{table.title}**", "", row([column.header for column in table.columns])]
    lines.append(
        "|" + "|".join("---:" if column.numeric else "---" for column in table.columns) + "|"
    )
    for cells in table.rows:
        lines.append(
            row([f"{_marked(cell, '**{}**', '{}*')} {cell.note}".strip() for cell in cells])
        )
    return "\n".join([*lines, "", table.caption, ""])


def _marked(cell: Cell, bold: str, significant: str) -> str:
    text = bold.format(cell.text) if cell.bold else cell.text
    return significant.format(text) if cell.significant else text


def to_latex(table: Table) -> str:
    """A ``table*`` environment: needs \\usepackage{booktabs} and \\usepackage{graphicx} (it is shrunk to the line's width)."""
    shown = table.paper or range(len(table.columns))
    columns = "".join("r" if table.columns[k].numeric else "l" for k in shown)
    lines = [
        "% needs \\usepackage{booktabs} and \\usepackage{graphicx}",
        "\\begin{table*}[t]",
        "  \\centering",
    ]
    lines += [
        f"  \\caption{{{latex(table.title)}. {latex(table.caption)}}}",
        f"  \\label{{tab:{table.name}}}",
        "  \\vspace{4pt}",
        "  \\small",
    ]
    lines += [
        "  \\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
        f"  \\begin{{tabular}}{{{columns}}}",
    ]
    lines += [
        "    \\toprule",
        "    " + " & ".join(latex(table.columns[k].header) for k in shown) + " \\\\",
        "    \\midrule",
    ]
    for cells in table.rows:
        texts = (
            _marked(_escaped(cell), "\\textbf{{{}}}", "{}$^{{*}}$")
            for cell in (cells[k] for k in shown)
        )
        lines.append("    " + " & ".join(texts) + " \\\\")
    return "\n".join([*lines, "    \\bottomrule", "  \\end{tabular}}", "\\end{table*}", ""])


def _escaped(cell: Cell) -> Cell:
    return Cell(latex(cell.text), cell.value, cell.bold, cell.significant)


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    MINUS: "$-$",
    "±": "$\\pm$",
    "×": "$\\times$",
    DASH: "--",
    "µ": "$\\mu$",
    "→": "$\\rightarrow$",
    "≤": "$\\leq$",
    "Δ": "$\\Delta$",
}


def latex(text: str) -> str:
    """Plain text for pdflatex: its special characters escaped, other non-ASCII characters as a question mark rather than an error."""
    return "".join(_LATEX.get(c, c if c.isascii() else "?") for c in text)


def to_text(table: Table) -> str:
    """Aligned columns for a terminal; the caption below."""
    rows = [
        [column.header for column in table.columns],
        *([_marked(cell, "{}", "{} *") for cell in cells] for cells in table.rows),
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.columns))]
    lines = []
    for row in rows:
        cells = (
            text.rjust(w) if column.numeric else text.ljust(w)
            for text, w, column in zip(row, widths, table.columns, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    rule = "─" * max(map(len, lines))
    caption = textwrap.wrap(table.caption, max(80, len(rule)))
    return "\n".join([table.title, rule, lines[0], rule, *lines[1:], rule, *caption])


def write_table(table: Table, folder: Path, formats: Sequence[str]) -> list[str]:
    """<folder>/<name>.{csv,parquet,md,tex} for each of ``formats`` that is a table's; returns the names written."""
    names = []
    for extension, text in (("md", to_markdown), ("tex", to_latex)):
        if extension in formats:
            write_text(folder / f"{table.name}.{extension}", text(table))
            names.append(f"{table.name}.{extension}")
    if "csv" in formats:
        with written(folder / f"{table.name}.csv") as path:
            table.frame.to_csv(path, index=False)
        names.insert(0, f"{table.name}.csv")
    if "parquet" in formats:
        with written(folder / f"{table.name}.parquet") as path:
            table.frame.to_parquet(path, index=False)
        names.append(f"{table.name}.parquet")
    return names


def main_table_text(folders: str | Path | Sequence[str | Path], **wishes: Any) -> str:
    """The main table of a study as it stands, and its planned comparisons, for a terminal. ``wishes`` go to compare.options_for."""
    from reports.analysis.collect import read_studies
    from reports.analysis.compare import main_table, options_for
    from reports.tables import planned
    from reports.tables import results as result_tables

    study = read_studies(folders)
    options = options_for(study, **wishes)
    tables = [
        result_tables.short_table(study, main_table(study, options), options),
        planned.table(study, options),
    ]
    return "\n\n".join(to_text(table) for table in tables if table is not None)

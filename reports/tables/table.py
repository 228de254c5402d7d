"""A table as a record, and its formats: CSV, parquet, Markdown, LaTeX and terminal text.

``Table.frame`` holds the raw numbers in base units (accuracies as fractions); the cells hold
formatted text. The page's template makes its own HTML.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import pandas as pd

from eisnn.files import replacing, write_whole
from reports.analysis.words import DASH, MINUS

Record = TypeVar("Record")
Read = TypeVar("Read", contravariant=True)


@dataclass(frozen=True)
class Cell:
    """One cell: ``value`` sorts the column, and ``note`` is a second, small line.

    ``tone`` colours the cell on the page: better | worse | quiet.
    """

    text: str = DASH
    value: float | str | None = None
    bold: bool = False
    significant: bool = False
    tone: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """One column. The page may hide a ``detail`` at first; LaTeX prints only ``paper`` columns."""

    header: str
    numeric: bool = True
    detail: bool = False
    paper: bool = True


@dataclass(frozen=True)
class Field(Generic[Read]):
    """A column with its header, the cell of a record, and a sentence for the caption."""

    header: str
    cell: Callable[[Read], Cell]
    numeric: bool = True
    detail: bool = False
    paper: bool = True
    says: str = ""

    @property
    def column(self) -> Column:
        return Column(self.header, self.numeric, self.detail, self.paper)


@dataclass(frozen=True)
class Table:
    """A table; ``name`` is the stem of its files."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    frame: pd.DataFrame


def build(
    name: str,
    title: str,
    caption: str,
    fields: Sequence[Field[Record]],
    records: Iterable[Record],
    frame: pd.DataFrame,
) -> Table:
    """Makes a table: one row per record, one column per field; fields may add to the caption."""
    says = [field.says for field in fields if field.says]
    rows = tuple(tuple(field.cell(record) for field in fields) for record in records)
    columns = tuple(field.column for field in fields)
    return Table(name, title, " ".join([caption, *says]), columns, rows, frame)


def _markdown_row(cells: Iterable[str]) -> str:
    """Returns a row with bars and asterisks escaped, except for the asterisks of bold text."""
    escaped = []
    for text in cells:
        safe = text.replace("|", "\\|").replace("*", "\\*").replace("\\*\\*", "**")
        escaped.append(safe.replace("\n", " "))
    return f"| {' | '.join(escaped)} |"


def to_markdown(table: Table) -> str:
    lines = [f"**{table.title}**", "", _markdown_row([column.header for column in table.columns])]
    lines.append(
        "|" + "|".join("---:" if column.numeric else "---" for column in table.columns) + "|"
    )
    for cells in table.rows:
        texts = (f"{_marked(cell, '**{}**', '{}*')} {cell.note}".strip() for cell in cells)
        lines.append(_markdown_row(texts))
    return "\n".join([*lines, "", table.caption, ""])


def _marked(cell: Cell, bold: str, significant: str) -> str:
    text = bold.format(cell.text) if cell.bold else cell.text
    return significant.format(text) if cell.significant else text


def to_latex(table: Table) -> str:
    """Returns a ``table*`` environment, shrunk to the line's width; needs booktabs and graphicx."""
    shown = [k for k, column in enumerate(table.columns) if column.paper]
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
    """Escapes plain text for pdflatex, and replaces characters that it does not know by ``?``."""
    return "".join(_LATEX.get(c, c if c.isascii() else "?") for c in text)


def to_text(table: Table) -> str:
    """Returns aligned columns for a terminal, with the caption below."""
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
    """Writes <folder>/<name>.{csv,parquet,md,tex} for each of ``formats``; returns their names."""
    names = []
    folder.mkdir(parents=True, exist_ok=True)
    for extension, text in (("md", to_markdown), ("tex", to_latex)):
        if extension in formats:
            path = folder / f"{table.name}.{extension}"
            write_whole(path, text(table).encode(), durable=False)
            names.append(f"{table.name}.{extension}")
    if "csv" in formats:
        with replacing(folder / f"{table.name}.csv", durable=False) as path:
            table.frame.to_csv(path, index=False)
        names.insert(0, f"{table.name}.csv")
    if "parquet" in formats:
        with replacing(folder / f"{table.name}.parquet", durable=False) as path:
            table.frame.to_parquet(path, index=False)
        names.append(f"{table.name}.parquet")
    return names

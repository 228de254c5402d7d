"""Makes LaTeX tables from plain text and columns of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.tables.table import latex

COLUMN = 58  # the characters of a table in \\small that fit into one of two columns


@dataclass(frozen=True)
class Part:
    """A column; ``align`` is l, c or r. Numbers with equally many decimals need r."""

    header: str
    align: str
    cells: tuple[str, ...]


def label(study: str, word: str) -> str:
    """Returns a label of the study's own, such as tab:ei-ablation-main."""
    plain = re.sub(r"[^a-z0-9]+", "-", study.lower()).strip("-")
    return f"tab:{plain or 'study'}-{word}"


def tabular(parts: Sequence[Part], caption: str, name: str, notes: Sequence[str] = ()) -> str:
    """Returns a table environment with booktabs, one column wide if it fits, else two.

    ``caption`` and ``notes`` are plain text.
    """
    widths = [max(map(len, (part.header, *part.cells))) for part in parts]
    star = "" if sum(widths) + 2 * len(widths) <= COLUMN else "*"
    rows = zip(*(part.cells for part in parts), strict=True)
    body = [" & ".join(map(latex, row)) + " \\\\" for row in rows]
    head = " & ".join(latex(part.header) for part in parts) + " \\\\"
    lines = [
        f"\\begin{{table{star}}}[t]",
        "  \\centering",
        f"  \\caption{{{latex(caption)}}}",
        f"  \\label{{{name}}}",
        "  \\small",
        f"  \\begin{{tabular}}{{@{{}}{''.join(part.align for part in parts)}@{{}}}}",
        "    \\toprule",
        f"    {head}",
        "    \\midrule",
        *(f"    {line}" for line in body),
        "    \\bottomrule",
        "  \\end{tabular}",
    ]
    for note in notes:
        lines.append(f"  \\par\\smallskip\\footnotesize {latex(note)}")
    return "\n".join([*lines, f"\\end{{table{star}}}", ""])

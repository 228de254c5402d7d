"""Writes everything of a study that a paper needs, and a document that shows it all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.analysis import compare
from reports.analysis.collect import Study, read_studies
from reports.analysis.options import options_for
from reports.figures import render, style
from reports.figures.picture import Picture
from reports.page.items import all_pictures
from reports.page.page import check_writable, report_folder
from reports.paper import tables, texts
from reports.paper.references import bibliography, used
from reports.tables.table import latex
from study import store

WIDTHS = {"column": 3.3, "page": 6.9}  # inches, in most journals and proceedings

DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[margin=1.9cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\title{%s}
\author{}
\maketitle
\section*{Methods}
\input{methods}
\section*{Compute}
\input{compute}
%s
\nocite{%s}
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""
FIGURE = r"""\begin{figure*}[t]
  \centering
  \includegraphics[width=\linewidth]{figures/%s-page.pdf}
  \caption{%s}
\end{figure*}"""


def write_paper(
    folder: str | Path | Sequence[str | Path], *, out: str | Path | None = None, **wishes: Any
) -> Path:
    """Writes report/paper/ and returns its path.

    main.tex, ranges.tex and chosen.tex are tables; methods.tex and compute.tex are paragraphs;
    references.bib holds the works used; figures/ has PDFs in a column's and in a page's width;
    paper.tex shows them all.
    """
    study = read_studies(folder)
    options = options_for(study, **wishes)
    target = (Path(out) if out is not None else report_folder(study)) / "paper"
    check_writable(target)
    results = compare.main_table(study, options)
    parts = {
        "main": tables.main_table(study, results, options),
        "ranges": tables.ranges_table(study, options),
        "chosen": tables.chosen_table(study),
        "methods": texts.methods(study, results, options),
        "compute": texts.compute_text(study),
    }
    for name, text in parts.items():
        if text:
            store.write_text(target / f"{name}.tex", text, durable=False)
    store.write_text(target / "references.bib", bibliography(study), durable=False)
    shown = []
    with style.styled():
        for picture in all_pictures(study, options):
            shown.append(picture)
            for word, width in WIDTHS.items():
                name = f"{picture.name}-{word}"
                render.save(name, picture.draw(width), target / "figures", ["pdf"])
    store.write_text(target / "paper.tex", _document(study, parts, shown), durable=False)
    return target


def _document(study: Study, parts: dict[str, str], shown: Sequence[Picture]) -> str:
    body = []
    for name in ("main", "ranges", "chosen"):
        if parts[name]:
            body.append(f"\\input{{{name}}}")
    for picture in shown:
        body.append(FIGURE % (picture.name, latex(f"{picture.title}. {picture.caption}")))
    title = latex(study.name)
    return DOCUMENT % (title, "\n".join(body), ",".join(used(study)))

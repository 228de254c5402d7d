"""A study's main tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.analysis import answer
from reports.analysis.collect import read_studies
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from reports.tables import claims, planned, results
from reports.tables.table import to_text


def main_table_text(folders: str | Path | Sequence[str | Path], **wishes: Any) -> str:
    """Returns the answer, the main table of a study as it stands, and its planned comparisons.

    ``wishes`` go to `options_for`.
    """
    study = read_studies(folders)
    options = options_for(study, **wishes)
    found = main_table(study, options)
    tables = [
        results.short_table(study, found, options),
        planned.table(study, options),
        claims.table(study, options),
    ]
    texts = [to_text(table) for table in tables if table is not None]
    sentences = [line.sentence for line in answer.lines(found, options)]
    if sentences and any(result.n for result in found):
        texts.append("\n".join(sentences))
    return "\n\n".join(texts)

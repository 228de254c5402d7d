"""Reports on a study so far: frames, statistics, tables, figures and one page.

Reads results/<study>/, never trains, never imports torch.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from reports import tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    Paths = str | Path | Sequence[str | Path]

__all__ = ["figure", "load", "tables"]


def load(paths: Paths) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns (trials, epochs) of one or several study folders, for a notebook.

    There is one row per trial, with its arm's overrides in columns ``override/<option>``, and one
    row per trial and epoch; join them on ``id``.
    """
    from reports.analysis.collect import read_studies
    from reports.analysis.record import with_overrides

    study = read_studies(paths)
    return with_overrides(study), study.epochs


class _Tables(ModuleType):
    """The package ``reports.tables``, which a notebook can also call: ``reports.tables(path)``."""

    def __call__(self, paths: Paths, **wishes: Any) -> dict[str, pd.DataFrame]:
        """Returns every table of the report by its name, such as ``main``, as raw numbers.

        ``wishes`` choose what to compare: ``baseline``, ``reference``, ``metric``, ``at``,
        ``alpha``.
        """
        from reports.page.items import all_tables

        return {table.name: table.frame for table in all_tables(paths, **wishes)}


tables.__class__ = _Tables


def figure(paths: Paths, name: str, *, width: float | None = None, **wishes: Any) -> Figure:
    """Returns a figure of the report by its name, such as ``forest``, ``width`` inches wide.

    Raises:
        StudyError: the report has no such figure; the message lists those that it has.
    """
    from reports.page.items import one_figure

    return one_figure(paths, name, width=width, **wishes)

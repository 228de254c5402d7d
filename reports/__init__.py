"""What a study says so far: frames, statistics, tables, figures and one page.

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
    """(trials, epochs) of one or several study folders, for a notebook.

    Trials: one row each, with what its arm overrides as columns ``override/<option>``. Epochs: one
    row per trial and epoch; join on ``id``.
    """
    from reports.analysis.collect import read_studies
    from reports.analysis.record import with_overrides

    study = read_studies(paths)
    return with_overrides(study), study.epochs


class _Tables(ModuleType):
    """The room ``reports.tables``, which a notebook can call: ``reports.tables(path)``."""

    def __call__(self, paths: Paths, **wishes: Any) -> dict[str, pd.DataFrame]:
        """Every table of the report by its name, such as ``main``, as raw numbers.

        ``wishes`` choose what is compared: ``baseline``, ``reference``, ``metric``, ``at``,
        ``alpha``.
        """
        from reports.page.items import all_tables

        return {table.name: table.frame for table in all_tables(paths, **wishes)}


tables.__class__ = _Tables


def figure(paths: Paths, name: str, *, width: float | None = None, **wishes: Any) -> Figure:
    """The report's figure ``name``, such as ``forest`` or ``curves``, drawn ``width`` inches wide.

    Raises:
        StudyError: the report of these studies has no such figure; says which there are.
    """
    from reports.page.items import one_figure

    return one_figure(paths, name, width=width, **wishes)

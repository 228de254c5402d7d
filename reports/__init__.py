"""What a study says so far: frames, statistics, tables, figures and one page. Reads results/<study>/, never trains, never imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["load"]


def load(paths: str | Path | Sequence[str | Path]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(trials, epochs) of one or several study folders, for a notebook: one row per trial; one per trial and epoch (join on ``id``)."""
    from reports.analysis.collect import read_studies

    study = read_studies(paths)
    return study.trials, study.epochs

"""Writes a page and figures of a single training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from reports.analysis.collect import Study, StudyError
from reports.figures import diagnostics, distributions, layers, style
from reports.figures import run as run_figures
from reports.page.page import FORMATS, check_writable, write_page
from reports.page.sections import Section, section
from reports.page.status import Status
from study import store

FILES = ("config.yaml", "history.csv", "diagnostics.csv")


def is_run(folder: Path) -> bool:
    """Returns whether the folder belongs to a single run: it has a config, and is no study's."""
    study = any((folder / name).exists() for name in ("study.yaml", "plan.json", "trials.csv"))
    return (folder / "config.yaml").is_file() and not study


def write_run(
    folder: Path, *, formats: Sequence[str] = FORMATS, out: str | Path | None = None
) -> Path:
    """Writes report/index.html and figures/ of a run's curves, diagnostics and distributions.

    Raises:
        StudyError: the run has left nothing to draw.
    """
    target = Path(out) if out is not None else folder / "report"
    history = folder / "history.csv"
    rows = pd.DataFrame()
    if history.is_file():
        rows = pd.read_csv(history, on_bad_lines="skip")
    sections = list(_sections(folder, rows))
    if not sections:
        raise StudyError(
            f"{folder}: has nothing to draw, neither history.csv nor diagnostics (train with --log"
            " 1 or --log 2)."
        )
    check_writable(target)
    words = f"{len(rows)} epochs." if len(rows) else "A run without a history."
    return write_page(_as_study(folder), target, formats, sections, Status("done", words))


def _sections(folder: Path, rows: pd.DataFrame) -> list[Section]:
    name = folder.resolve().name
    found = list(section("curves", "Learning curves", "", [run_figures.picture(rows, name)]))
    inside = []
    if (folder / "diagnostics.csv").is_file():
        frame = diagnostics.read_file(folder / "diagnostics.csv").assign(arm=name)
        looks = style.looks([name], name)
        if len(frame):
            inside = [layers.over_depth(frame, looks, name), layers.over_epochs(frame, name)]
    recorded = folder / "distributions.npz"
    more = []
    if recorded.is_file():
        more = [distributions.ridges(recorded, name), distributions.animation(recorded, name)]
    return [*found, *section("inside", "Inside the network", "", [*inside, *more])]


def _as_study(folder: Path) -> Study:
    """Returns the run as a study for the page's template: a name, its files, and no trials."""
    trials = pd.DataFrame(columns=["study", *store.TRIAL_COLUMNS])
    epochs = pd.DataFrame(columns=["study", *store.EPOCH_COLUMNS])
    files = {}
    for name in FILES[:1]:
        files[name] = (folder / name).read_text(encoding="utf-8", errors="replace")
    return Study(
        name=folder.resolve().name,
        folders=(folder,),
        trials=trials,
        epochs=epochs,
        plan={},
        arms=(),
        files=files,
    )

"""Gives a report's tables and figures one by one, for notebooks and papers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from reports.analysis import compare
from reports.analysis.collect import Study, StudyError, read_studies
from reports.analysis.options import Options, options_for
from reports.figures import style
from reports.figures.picture import Picture
from reports.page import answer as answers
from reports.page.sections import Item, all_sections
from reports.tables.table import Table


def all_items(study: Study, options: Options) -> Iterator[Item]:
    """Yields everything on the page in reading order, beginning with the answer's figure."""
    looks = style.looks(study.arm_names, options.reference, options.baseline)
    results = compare.main_table(study, options)
    top = answers.answer(study, results, options, looks)
    if top is not None:
        yield top.forest.picture()
    for section in all_sections(study, options):
        yield from section.items
        yield from section.more


def all_pictures(study: Study, options: Options) -> list[Picture]:
    """Returns every figure that can be drawn at any width."""
    return [item for item in all_items(study, options) if isinstance(item, Picture)]


def all_tables(paths: str | Path | Sequence[str | Path], **wishes: Any) -> list[Table]:
    """Returns every table of the report."""
    study = read_studies(paths)
    items = all_items(study, options_for(study, **wishes))
    return [item for item in items if isinstance(item, Table)]


def one_figure(
    paths: str | Path | Sequence[str | Path],
    name: str,
    *,
    width: float | None = None,
    **wishes: Any,
) -> Figure:
    """Returns the figure ``name``.

    Raises:
        StudyError: there is no such figure.
    """
    study = read_studies(paths)
    pictures = {
        picture.name: picture for picture in all_pictures(study, options_for(study, **wishes))
    }
    if name not in pictures:
        there = ", ".join(pictures) or "none yet"
        raise StudyError(f"{study.name}: no figure {name!r}; there are {there}.")
    with style.styled():
        return pictures[name].draw(width or style.WIDTH)

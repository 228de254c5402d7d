"""Writes the files of a report's items, and prepares the items for the page's template."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eisnn.files import write_whole
from reports.figures import render, style
from reports.figures.picture import Animation, Picture
from reports.page.answer import Answer, Entry
from reports.page.sections import Item
from reports.tables.table import Table, write_table

REM = 6  # rem per inch of a figure: an inch has 96 pixels, and a rem 16
BESIDE = 5.1  # inches; the forest's width beside the list of arms


@dataclass(frozen=True)
class Shown:
    """One item for the template.

    ``wide`` and ``narrow`` are SVG for the page's and a phone's width; ``wide`` holds a GIF in
    base64. ``files`` are (label, path relative to the page); ``brief`` lists the columns of a table
    that are shown at first.
    """

    kind: str
    item: Item
    files: tuple[tuple[str, str], ...]
    wide: str = ""
    narrow: str = ""
    brief: tuple[int, ...] = ()


@dataclass(frozen=True)
class ShownAnswer:
    """The list of arms, and the forest three times: beside the list, below it, and for a phone.

    ``size`` is the width and height, in rem, of the forest beside the list.
    """

    entries: tuple[Entry, ...]
    scope: str
    caption: str
    beside: str
    size: tuple[float, float]
    wide: str
    narrow: str
    files: tuple[tuple[str, str], ...]


def shown(item: Item, target: Path, formats: Sequence[str]) -> Shown:
    """Writes the item's files, and returns it for the template."""
    if isinstance(item, Table):
        names = [f"tables/{name}" for name in write_table(item, target / "tables", formats)]
        brief = tuple(k for k, column in enumerate(item.columns) if not column.detail)
        links = tuple((Path(name).suffix[1:], name) for name in names)
        return Shown("table", item, links, brief=brief)
    if isinstance(item, Animation):
        return _animation(item, target, formats)
    return _figure(item, target, formats)


def _figure(picture: Picture, target: Path, formats: Sequence[str]) -> Shown:
    """Draws a figure once for the page and the files, and once for a phone."""
    figure = picture.draw(style.WIDTH)
    wanted = [form for form in ("png", "pdf") if form in formats]
    wide = narrow = ""
    if "html" in formats:
        wide = render.svg(picture, figure, picture.name)
        phone = picture.draw(style.PHONE)
        narrow = render.svg(picture, phone, f"{picture.name}-phone", style.PHONE)
    render.save(picture.name, figure, target / "figures", wanted)
    files = tuple((form, f"figures/{picture.name}.{form}") for form in wanted)
    return Shown("figure", picture, files, wide, narrow)


def shown_answer(answer: Answer, target: Path, formats: Sequence[str]) -> ShownAnswer:
    """Writes the forest's files, and returns the answer for the template."""
    found = _figure(answer.forest.picture(), target, formats)
    beside, size = "", (0.0, 0.0)
    if "html" in formats:
        figure = answer.forest.draw_beside(BESIDE)
        width, height = figure.get_size_inches()
        beside = render.svg(answer.forest.picture(), figure, "beside", width)
        size = REM * width, REM * height
    caption = answer.forest.caption
    return ShownAnswer(
        entries=answer.entries,
        scope=answer.scope,
        caption=caption,
        beside=beside,
        size=size,
        wide=found.wide,
        narrow=found.narrow,
        files=found.files,
    )


def _animation(item: Animation, target: Path, formats: Sequence[str]) -> Shown:
    folder = target / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{item.name}.gif", item.gif, durable=False)
    encoded = ""
    if "html" in formats:
        encoded = base64.b64encode(item.gif).decode()
    return Shown("animation", item, (("gif", f"figures/{item.name}.gif"),), encoded)

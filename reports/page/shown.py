"""Items -> their files, and what the template puts on the page."""

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

REM = 6  # an inch of a figure in the page's rem: 96 of 16 pixels
BESIDE = 5.1  # inches; the forest's width beside the strip


@dataclass(frozen=True)
class Shown:
    """One item as the template sees it.

    ``wide`` and ``narrow`` are SVG for the page's and a phone's width; a GIF is in ``wide``, in
    base64. ``files``: (label, path relative to the page).
    """

    kind: str
    item: Item
    files: tuple[tuple[str, str], ...]
    wide: str = ""
    narrow: str = ""
    brief: tuple[int, ...] = ()


@dataclass(frozen=True)
class ShownAnswer:
    """The strip, and the forest three times: beside the strip, under it, and for a phone.

    ``size``: width and height of the one beside the strip, in rem.
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
    """Writes the item's files."""
    if isinstance(item, Table):
        names = [f"tables/{name}" for name in write_table(item, target / "tables", formats)]
        brief = tuple(k for k, column in enumerate(item.columns) if not column.detail)
        links = tuple((Path(name).suffix[1:], name) for name in names)
        return Shown("table", item, links, brief=brief)
    if isinstance(item, Animation):
        return _animation(item, target, formats)
    return _figure(item, target, formats)


def _figure(picture: Picture, target: Path, formats: Sequence[str]) -> Shown:
    """Drawn once for the page and the files, and once for a phone."""
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
    """Writes the forest's files."""
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
    encoded = base64.b64encode(item.gif).decode() if "html" in formats else ""
    return Shown("animation", item, (("gif", f"figures/{item.name}.gif"),), encoded)

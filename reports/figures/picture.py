"""A figure as a record: its name, its caption, and how to draw it at any width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from reports.figures import style


@dataclass(frozen=True)
class Picture:
    """A figure; ``name`` is the stem of its files, and ``caption`` explains n and intervals.

    ``draw`` makes the figure for a width in inches: the page's, a phone's, a journal's column.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[float], Figure]

    @property
    def figure(self) -> Figure:
        """The figure in the page's width, in the report's style."""
        with style.styled():
            return self.draw(style.WIDTH)


@dataclass(frozen=True)
class Animation:
    """A GIF; ``name`` is the file's stem."""

    name: str
    title: str
    caption: str
    gif: bytes

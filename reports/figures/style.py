"""How figures look: one restrained style, one colour and marker per arm in every figure, SVG that follows the page's theme.

Colours are Okabe and Ito's (safe for the colour-blind) without yellow, the blue a little lighter for dark pages.
Since they repeat after six arms and vanish in grey print, an arm also keeps its marker and dash in every figure.
"""

from __future__ import annotations

import errno
import html
import io
import math
import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler

from reports.figures.font import family
from reports.files import written

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

INK, QUIET, LINE, GRID, PAGE = "#1d2329", "#5b6570", "#a4adb7", "#e4e8ec", "#fefefe"
_THEMED = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    GRID: "var(--grid)",
    PAGE: "var(--page)",
}

PALETTE = ("#1f7fc0", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (5, 1.2, 1.2, 1.2)),
    (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
SEQUENTIAL = "cividis"  # even in lightness, the same to the colour-blind
DIVERGING = "PuOr"

WIDTH = 8.6  # inches; the page's column

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=list(PALETTE)),
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "text.hinting": "no_hinting",
    "text.parse_math": False,  # a dollar sign in an arm's name is a dollar sign
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "figure.dpi": 100,
    "svg.hashsalt": "report",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Look:
    """How one arm is drawn, everywhere."""

    colour: str
    marker: str
    dash: Any


@dataclass(frozen=True)
class Picture:
    """A figure, drawn; ``name`` is its file's stem. ``caption`` says n and what the interval is."""

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Animation:
    name: str
    title: str
    caption: str
    gif: bytes


def looks(
    arms: Sequence[str], reference: str | None = None, baseline: str | None = None
) -> dict[str, Look]:
    """arm -> look. The reference is the first colour and the baseline the second, whatever the plan's order."""
    first = list(
        dict.fromkeys(arm for arm in (reference, baseline) if arm is not None and arm in arms)
    )
    order = [*first, *(arm for arm in arms if arm not in first)]
    return {
        arm: Look(
            PALETTE[k % len(PALETTE)],
            MARKERS[k % len(MARKERS)],
            DASHES[(k + k // len(PALETTE)) % len(DASHES)],
        )
        for k, arm in enumerate(order)
    }


@contextmanager
def styled() -> Iterator[None]:
    settings: Any = {**RC, "font.sans-serif": family()}
    with matplotlib.rc_context(settings):
        yield


def grid(
    panels: int, columns: int, height: float, *, sharex: Any = False, sharey: Any = False
) -> tuple[Figure, list[Axes]]:
    """A figure of the page's width with ``panels`` axes in rows of ``columns``, ``height`` inches a row."""
    columns = min(columns, max(1, panels))
    rows = -(-panels // columns)
    figure = Figure(figsize=(WIDTH, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).ravel()
    for one in axes:
        one.locator_params(
            nbins=6 if columns < 3 else 4
        )  # calm, and ticks are most of a small figure's cost
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])


def rows_on_y(axes: Axes, names: Sequence[str]) -> None:
    """Names as rows, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")


def log_axis(axis: Axis, low: float, high: float) -> None:
    """A logarithmic axis with few plain numbers as ticks: powers of ten, or 1, 2, 5 where the range is short."""
    name = axis.axis_name  # type: ignore[attr-defined]  # "x" or "y"
    axis.axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    digits = (1.0,) if high / low >= 100 else (1.0, 2.0, 5.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    axis.set_ticks([tick for tick in ticks if low * 0.999 <= tick <= high * 1.001])
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def settle(figure: Figure, background: str, dpi: float) -> Figure:
    """Lay the figure out once for all formats, and prepare it for one.

    The formats' own printers are called below instead of ``savefig``, which draws everything twice.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    figure.set_facecolor(background)
    figure.dpi = dpi
    return figure


def save(pictures: Sequence[Picture], folder: Path, formats: Sequence[str]) -> None:
    """<folder>/<name>.{png,pdf} of each picture, on white."""
    for picture in pictures:
        if "png" in formats:
            with written(folder / f"{picture.name}.png") as path:
                FigureCanvasAgg(settle(picture.figure, "white", 140)).print_png(
                    path, pil_kwargs={"compress_level": 4}
                )
        if "pdf" in formats:
            with written(folder / f"{picture.name}.pdf") as path:
                FigureCanvasPdf(settle(picture.figure, "white", 72)).print_pdf(
                    path, metadata={"CreationDate": None}
                )


TOLD = frozenset(errno.errorcode) - {
    1
}  # what an exit code can tell; 1 is that of any other exception


@contextmanager
def saved_beside(
    pictures: Sequence[Picture], folder: Path, formats: Sequence[str]
) -> Iterator[None]:
    """`save` in a forked process while the block runs, since drawing is most of a report's time.

    A process with threads (a study's driver) is not forked: it saves first.
    """
    if not {"png", "pdf"} & set(formats):
        yield
    elif threading.active_count() > 1 or "fork" not in multiprocessing.get_all_start_methods():
        save(pictures, folder, formats)
        yield
    else:
        child = multiprocessing.get_context("fork").Process(
            target=_save_or_say, args=(pictures, folder, formats)
        )
        child.start()
        try:
            yield
        finally:
            child.join()
        if child.exitcode in TOLD:
            raise OSError(child.exitcode, os.strerror(child.exitcode), str(folder))
        if child.exitcode:
            raise RuntimeError(
                f"writing the figures to {folder} failed (exit code {child.exitcode}); the reason is printed above"
            )


def _save_or_say(pictures: Sequence[Picture], folder: Path, formats: Sequence[str]) -> None:
    """`save`; the operating system's refusal, such as a full disk, becomes the exit code, and is the parent's to tell."""
    try:
        save(pictures, folder, formats)
    except OSError as error:
        if error.errno in TOLD:
            sys.exit(error.errno)
        raise


def svg(picture: Picture) -> str:
    """The figure as an <svg> element to put into a page: transparent, text and lines in the page's colours."""
    buffer = io.StringIO()
    FigureCanvasSVG(settle(picture.figure, "none", 72)).print_svg(
        buffer, metadata={"Date": None, "Creator": None}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(
        r'(id="|url\(#|href="#)', rf"\1{picture.name}-", text
    )  # ids stay apart when a page holds many figures
    for colour, variable in _THEMED.items():
        text = text.replace(colour, variable)
    share = (
        100 * picture.figure.get_figwidth() / WIDTH
    )  # narrow figures stay narrow, so that all text has one size
    return text.replace(
        "<svg ",
        f'<svg role="img" aria-label="{html.escape(picture.title)}" style="max-width: {share:.4g}%" ',
        1,
    )

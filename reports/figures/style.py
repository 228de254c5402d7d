"""The style of figures: a colour for each role, the page's widths, and common axes.

Colours show roles: the reference is blue, the baseline orange, and every other arm the same grey,
named by a label. Both colours are close to Okabe and Ito's, which colour-blind readers can tell
apart; in grey print, markers and dashes differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

INK, QUIET, LINE, GRID, PAGE = "#1d2329", "#5b6570", "#a4adb7", "#e4e8ec", "#fefefe"
REFERENCE, BASELINE, NEUTRAL = "#1f78b8", "#c95600", "#737e89"
BAND = "#dce8f1"
THEMED = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    GRID: "var(--grid)",
    PAGE: "var(--page)",
    REFERENCE: "var(--reference)",
    BASELINE: "var(--baseline)",
    NEUTRAL: "var(--neutral)",
    BAND: "var(--band)",
}

SEQUENTIAL = "cividis"  # even in lightness, the same to the colour-blind
DIVERGING = "PuOr"

WIDTH = 8.6  # inches; the page's column
PHONE = 3.7  # the column of a page 420 pixels wide
FONTS = ["DejaVu Sans", "Bitstream Vera Sans", "Verdana", "sans-serif"]  # all of the same width

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": FONTS,
    "font.size": 8.5,
    "axes.titlesize": 8.5,
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
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "pdf.fonttype": 42,  # journals refuse Type 3
}


@dataclass(frozen=True)
class Look:
    """How an arm is drawn in every figure."""

    colour: str
    marker: str
    dash: Any
    width: float

    @property
    def stands_out(self) -> bool:
        """Whether the arm has its own colour, as the reference and the baseline have."""
        return self.colour != NEUTRAL


def looks(
    arms: Sequence[str], reference: str | None = None, baseline: str | None = None
) -> dict[str, Look]:
    """Returns each arm's look: the reference's, the baseline's, or that of all others."""
    found = {}
    for arm in arms:
        if arm == reference:
            found[arm] = Look(REFERENCE, "o", "-", 1.8)
        elif arm == baseline:
            found[arm] = Look(BASELINE, "s", (0, (5, 1.5)), 1.8)
        else:
            found[arm] = Look(NEUTRAL, "D", "-", 1.1)
    return found


@contextmanager
def styled() -> Iterator[None]:
    """Sets this style inside the block, and restores matplotlib's settings at its end."""
    settings: Any = RC  # matplotlib names every key in its types
    with matplotlib.rc_context(settings):
        yield


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """Returns a figure with one axes, laid out so that nothing is cut off."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def columns_in(width: float, least: float) -> int:
    """Returns how many panels, each at least ``least`` inches wide, fit side by side."""
    return max(1, int(width / least))


def grid(
    panels: int,
    width: float,
    height: float,
    *,
    least: float = 2.0,
    sharex: Any = False,
    sharey: Any = False,
) -> tuple[Figure, list[Axes]]:
    """Returns a figure of panels, each at least ``least`` inches wide, in rows of ``height``."""
    columns = min(columns_in(width, least), max(1, panels))
    rows = -(-panels // columns)
    figure = Figure(figsize=(width, rows * height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).ravel()
    for one in axes:
        # Few ticks are easier to read, and ticks take most of the time to draw a small figure.
        one.locator_params(nbins=4 if width / columns < 3 else 6)
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])


def outer(axes: Sequence[Axes], columns: int) -> Iterator[tuple[Axes, bool, bool]]:
    """Yields axes, whether they are the first of their row, and whether none are below them."""
    for place, one in enumerate(axes):
        yield one, place % columns == 0, place + columns >= len(axes)


def panel_title(axes: Axes, name: str, note: str) -> None:
    """Writes a name above a small panel, cut to its width, and a note in its lower right corner.

    The note covers what is behind it, since the curve of an arm at chance runs there.
    """
    figure = axes.figure  # get_figure(root=True) is of Matplotlib 3.10
    assert isinstance(figure, Figure)
    box = axes.get_subplotspec()
    assert box is not None
    columns = box.get_gridspec().ncols
    most = int(figure.get_size_inches()[0] / columns / 0.068)
    axes.set_title(name if len(name) <= most else name[: most - 1] + "…", fontsize=7.5)
    behind = {"facecolor": PAGE, "edgecolor": "none", "pad": 0.8}
    axes.annotate(note, (0.98, 0.04), xycoords="axes fraction", ha="right", fontsize=7,
                  color=QUIET, bbox=behind, zorder=4)  # fmt: skip


def rows_on_y(axes: Axes, names: Sequence[str]) -> None:
    """Names as rows, the first on top."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")


def log_axis(axis: Axis, low: float, high: float) -> None:
    """Makes the axis logarithmic, with plain ticks: powers of ten, or 1, 2, 5 in a short range."""
    name = axis.axis_name  # type: ignore[attr-defined]  # "x" or "y"
    axis.axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})
    digits = (1.0,) if high / low >= 100 else (1.0, 2.0, 5.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    axis.set_ticks([tick for tick in ticks if low * 0.999 <= tick <= high * 1.001])
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())

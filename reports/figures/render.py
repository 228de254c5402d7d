"""Saves pictures as files for papers and slides, and as SVG that follows the page's theme."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from eisnn.files import replacing
from reports.figures import style
from reports.figures.picture import Picture

PNG_DPI = 140


def settle(figure: Figure, background: str, dpi: float) -> Figure:
    """Lays the figure out once for all formats, and prepares it for one.

    The functions below call the formats' own printers, since ``savefig`` draws everything twice.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    figure.set_facecolor(background)
    figure.dpi = dpi
    return figure


def save(name: str, figure: Figure, folder: Path, formats: Sequence[str]) -> None:
    """Writes <folder>/<name>.{png,pdf} for those of ``formats``, on white."""
    folder.mkdir(parents=True, exist_ok=True)
    if "png" in formats:
        canvas = FigureCanvasAgg(settle(figure, "white", PNG_DPI))
        with replacing(folder / f"{name}.png", durable=False) as path:
            canvas.print_png(path, pil_kwargs={"compress_level": 4})
    if "pdf" in formats:
        printer = FigureCanvasPdf(settle(figure, "white", 72))
        with replacing(folder / f"{name}.pdf", durable=False) as path:
            printer.print_pdf(path, metadata={"CreationDate": None})


def svg(picture: Picture, figure: Figure, prefix: str, column: float = style.WIDTH) -> str:
    """Returns the figure as an <svg> element for a page, transparent and in the page's colours.

    ``prefix`` keeps the ids of a page's figures apart; ``column`` is the width, in inches, of its
    place on the page.
    """
    buffer = io.StringIO()
    canvas = FigureCanvasSVG(settle(figure, "none", 72))
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\1{prefix}-", text)
    for colour, variable in style.THEMED.items():
        text = text.replace(colour, variable)
    return _named(text, picture, figure, prefix, column)


def _named(text: str, picture: Picture, figure: Figure, prefix: str, column: float) -> str:
    """Adds a title and a description for screen readers, and limits the SVG to its own width."""
    title, words = html.escape(picture.title), html.escape(picture.caption)
    about = f'<title id="{prefix}-title">{title}</title><desc id="{prefix}-desc">{words}</desc>'
    role = f'role="img" aria-labelledby="{prefix}-title" aria-describedby="{prefix}-desc"'
    # A figure narrower than its column stays narrower, so that all text has one size.
    share = 100 * figure.get_figwidth() / column
    text = text.replace("<svg ", f'<svg {role} style="max-width: {share:.4g}%" ', 1)
    head, rest = text.split(">", 1)
    return f"{head}>{about}{rest}"

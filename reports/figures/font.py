"""Matplotlib's DejaVu Sans, cut to the letters that figures use.

Every PDF embeds its letters as TrueType (journals refuse the quicker Type 3), and matplotlib reads the whole font for that each time:
over a quarter of a second a figure, nearly all of it for layout tables of scripts that no figure holds. The cut font is made once and
kept in matplotlib's cache; any other letter still comes from DejaVu Sans.
"""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import matplotlib
from matplotlib import font_manager

from reports.files import written

NAME = "Report Sans"
LETTERS = tuple(
    itertools.chain(
        range(0x20, 0x250),
        range(0x370, 0x400),
        range(0x2010, 0x2060),
        range(0x2190, 0x2300),
        range(0x25A0, 0x2600),
    )
)


@functools.cache
def family() -> list[str]:
    """Font families for figures, best first."""
    path = Path(matplotlib.get_cachedir()) / "report-sans-1.ttf"
    if not path.exists():
        _cut(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", path)
    font_manager.fontManager.addfont(path)
    return [NAME, "DejaVu Sans"]


def _cut(source: Path, target: Path) -> None:
    from fontTools import subset  # type: ignore[import-untyped]

    options = subset.Options(
        layout_features=[],
        glyph_names=True,
        name_IDs=["*"],
        drop_tables=["GSUB", "GPOS", "GDEF", "FFTM"],
    )
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=LETTERS)
    cutter.subset(font)
    for record in font["name"].names:
        record.string = record.toUnicode().replace("DejaVu", "Report")
    with written(target) as path:
        font.save(path)

"""Items -> their files, and what the template puts on the page."""

import base64

import pandas as pd

from reports.figures import style
from reports.figures.picture import Animation, Picture
from reports.page.shown import shown
from reports.tables.table import Cell, Column, Table

PICTURE = Picture("line", "Line", "n = 3", lambda width: style.blank(width, 2.0)[0])
TABLE = Table(
    name="main",
    title="Arms",
    caption="",
    columns=(Column("arm", False), Column("SD", detail=True), Column("mean")),
    rows=((Cell("full"), Cell("1.00"), Cell("97.00")),),
    frame=pd.DataFrame({"arm": ["full"]}),
)


def test_a_figure_is_drawn_for_the_page_and_for_a_phone(tmp_path):
    found = shown(PICTURE, tmp_path, ["html", "png"])
    assert (found.kind, found.files) == ("figure", (("png", "figures/line.png"),))
    assert (tmp_path / "figures/line.png").is_file()
    assert 'id="line-title"' in found.wide
    assert 'id="line-phone-title"' in found.narrow
    without_page = shown(PICTURE, tmp_path, ["pdf"])
    assert (without_page.wide, without_page.narrow) == ("", "")


def test_a_table_says_which_columns_are_shown_first(tmp_path):
    found = shown(TABLE, tmp_path, ["html", "csv", "md"])
    assert found.brief == (0, 2)
    assert found.files == (("csv", "tables/main.csv"), ("md", "tables/main.md"))
    assert all((tmp_path / path).is_file() for _, path in found.files)


def test_an_animation_lies_in_the_page_itself(tmp_path):
    found = shown(Animation("moves", "Moves", "", b"GIF89a"), tmp_path, ["html"])
    assert (tmp_path / "figures/moves.gif").read_bytes() == b"GIF89a"
    assert base64.b64decode(found.wide) == b"GIF89a"

"""Figures as files, and as part of a page."""

import re

from reports.figures import render, style
from reports.figures.picture import Picture


def drawn(width=4.3):
    figure, axes = style.blank(width, 2.0)
    axes.plot([0, 1], [0, 1], color=style.REFERENCE)
    return figure


PICTURE = Picture("line", "A < B", "n = 3 & more", drawn)


def test_only_the_formats_asked_for_are_written(tmp_path):
    render.save("line", drawn(), tmp_path / "figures", ["html", "png"])
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["line.png"]
    render.save("line", drawn(), tmp_path / "figures", ["pdf"])
    assert (tmp_path / "figures/line.pdf").read_bytes().startswith(b"%PDF")


def test_an_svg_has_the_pages_colours_its_own_ids_and_words_for_who_hears_it():
    text = render.svg(PICTURE, drawn(), "one")
    assert "var(--reference)" in text
    assert style.REFERENCE not in text
    ids = re.findall(r'id="([^"]*)"', text)
    assert ids
    assert all(name.startswith("one-") for name in ids)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)
    assert '<title id="one-title">A &lt; B</title>' in text
    assert "n = 3 &amp; more</desc>" in text


def test_a_narrow_figure_stays_narrow():
    assert 'style="max-width: 50%"' in render.svg(PICTURE, drawn(style.WIDTH / 2), "one")

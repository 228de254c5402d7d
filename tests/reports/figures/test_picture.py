"""A figure as a record."""

import matplotlib

from reports.figures import style
from reports.figures.picture import Picture


def test_a_picture_is_drawn_in_the_pages_width_and_the_reports_style():
    def draw(width):
        assert matplotlib.rcParams["text.color"] == style.INK
        return style.blank(width, 2.0)[0]

    assert Picture("name", "Title", "n = 3", draw).figure.get_figwidth() == style.WIDTH

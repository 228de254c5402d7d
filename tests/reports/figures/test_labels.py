"""Names beside marks, moved apart."""

import pytest

from reports.figures import style
from reports.figures.labels import at_right, spread


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([1.0, 1.0, 5.0], [0.5, 1.5, 5.0]),
        ([5.0, 5.0, 5.0], [4.0, 5.0, 6.0]),
        ([3.0, 1.0], [3.0, 1.0]),  # far enough apart, in the order given
        ([0.0, 0.0], [0.0, 1.0]),  # not below the axis
        ([9.9, 9.9], [9.0, 10.0]),  # nor above it
    ],
)
def test_places_are_moved_no_more_than_needed(places, expected):
    assert spread(places, 1.0, 0.0, 10.0).tolist() == pytest.approx(expected)


def test_names_stand_in_the_order_of_their_points_and_apart():
    figure, axes = style.blank(4.0, 2.0)
    axes.set_ylim(0, 10)
    at_right(axes, [(1, 5.0), (1, 5.1), (1, 9.0)], ["low", "near", "high"], ["", "red", ""])
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert heights["high"] == pytest.approx(0.9)
    tall = axes.get_position().height * figure.get_figheight() * 72
    assert (heights["near"] - heights["low"]) * tall >= 8  # points, the height of a letter
    assert [text.get_color() for text in axes.texts] == [style.INK, "red", style.INK]

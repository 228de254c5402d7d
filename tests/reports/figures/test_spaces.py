"""A searched parameter as an axis."""

import math

import pandas as pd
import pytest

from reports.figures import spaces, style

RATE = {"type": "float", "low": 1e-3, "high": 1e-1, "log": True}
RATIO = {"type": "categorical", "choices": [2, 4, 8]}


def test_a_choice_stands_at_its_index_however_a_table_spells_it():
    places = spaces.place(RATIO, pd.Series([4.0, "8", 3], dtype=object))
    assert places.tolist()[:2] == [1.0, 2.0]
    assert math.isnan(places.iloc[2])  # no choice any more
    assert spaces.share(RATIO, pd.Series([2, 4, 8])).tolist() == [0.0, 0.5, 1.0]


def test_a_value_stands_where_its_scale_puts_it():
    assert spaces.share(RATE, pd.Series([1e-3, 1e-2, 1e-1])).tolist() == pytest.approx([0, 0.5, 1])
    linear = {"type": "float", "low": 0.0, "high": 4.0}
    assert spaces.share(linear, pd.Series([1.0])).tolist() == [0.25]


def test_the_ends_in_words():
    assert spaces.end_texts(RATE) == ("0.001", "0.1")
    assert spaces.end_texts(RATIO) == ("2", "8")


def test_the_axis_has_the_searched_range():
    _, axes = style.blank(3.0, 2.0)
    spaces.set_axis(axes, RATE, "rate")
    assert (axes.get_xscale(), axes.get_xlim(), axes.get_xlabel()) == ("log", (1e-3, 1e-1), "rate")
    _, axes = style.blank(3.0, 2.0)
    spaces.set_axis(axes, RATIO, "ratio")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2", "4", "8"]

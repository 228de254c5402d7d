"""Effects of factors that have more than one."""

import numpy as np

from reports.analysis.ablation import ADDED, MAIN, TAKEN, Effect
from reports.analysis.options import Options
from reports.figures.effects import Effects, picture

OPTIONS = Options(reference="full")


def effect(factor, kind, mean, n=3):
    return Effect((factor,), kind, n, mean, mean - 0.01, mean + 0.01)


def test_one_kind_of_effect_is_what_the_forest_shows_already():
    assert picture(["a"], [effect("a", TAKEN, 0.1)], OPTIONS) is None
    nothing = effect("a", ADDED, 0.1, n=0)
    assert picture(["a"], [effect("a", TAKEN, 0.1), nothing], OPTIONS) is None


def test_each_effect_stands_in_its_factors_row_in_points():
    effects = [effect("a", TAKEN, 0.04), effect("a", ADDED, 0.10), effect("b", TAKEN, 0.14)]
    found = picture(["a", "b"], effects, OPTIONS)
    (axes,) = found.figure.axes
    assert axes.get_xlabel() == "effect on test accuracy (points)"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b"]
    marks = [tuple(dots.get_offsets()[0]) for dots in axes.collections if len(dots.get_offsets())]
    np.testing.assert_allclose(sorted(marks), [(4, -0.095), (10, 0.095), (14, 0.905)])
    assert "n = 3 seeds" in found.caption


def test_the_axis_is_logarithmic_where_tens_of_points_stand_beside_tenths():
    def is_wide(*means):
        effects = tuple(effect("a", MAIN, mean) for mean in means)
        return Effects(("a",), effects, 100.0, "effect").is_wide

    assert is_wide(0.001, 0.4)
    assert not is_wide(0.1, 0.4)
    assert not is_wide(0.001, 0.1)

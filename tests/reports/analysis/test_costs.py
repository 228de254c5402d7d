"""What a report counts as costs."""

from eisnn.metrics import METRICS
from reports.analysis.costs import COSTS


def test_a_cost_is_shown_in_the_unit_that_its_axis_names():
    axis, factor = COSTS["energy_nj"]
    assert "(µJ)" in axis
    assert factor == 1e-3


def test_no_cost_is_better_the_higher_it_is():
    assert not [name for name in COSTS if METRICS[name].better == "higher"]

"""What a study can find: by a table of the noncentral t, and by simulation where runs die."""

import math

import pytest

from reports.analysis.power import Pilot, detectable, power
from study.forecast import power as forecast


def test_a_known_power():
    # n = 10, one SD, alpha 0.05: t(9, 0.975) = 2.262, noncentrality sqrt(10): 0.803
    assert power(10, -1.0, Pilot(1.0), 0.05) == pytest.approx(0.803, abs=0.001)
    assert power(1, -1.0, Pilot(1.0), 0.05) == 0.0


def test_without_failures_the_simulation_says_the_same():
    exact = power(8, -1.5, Pilot(1.0), 0.05 / 8)
    simulated = power(8, -1.5, Pilot(1.0, dies=1e-9), 0.05 / 8)
    assert simulated == pytest.approx(exact, abs=3.5 * math.sqrt(0.25 / 4000))


def test_the_least_difference_is_found_with_what_was_wanted():
    effect = detectable(5, Pilot(0.7), 0.05 / 15)
    assert power(5, -effect, Pilot(0.7), 0.05 / 15) == pytest.approx(0.8, abs=0.005)
    assert math.isnan(detectable(1, Pilot(1.0), 0.05))


def test_runs_that_die_cost_power():
    steady, dying = Pilot(1.0), Pilot(1.0, dies=0.2, reference_dies=0.2, drop=40.0)
    assert power(10, -2.0, dying, 0.05) < power(10, -2.0, steady, 0.05) / 2


def test_an_arm_that_always_dies_is_found():
    assert power(3, -1.0, Pilot(1.0, dies=1.0, drop=40.0), 0.05 / 30) == 1.0


@pytest.mark.parametrize("dies", [0.0, 0.2])
def test_the_dry_run_promises_what_the_report_can_find(dies):
    """Two modules, since neither room may import the other: the same numbers."""
    here = Pilot(0.7, dies=dies, drop=30.0)
    there = forecast.Pilot(0.7, dies=dies, drop=30.0)
    level = 0.05 / 8
    for n in (3, 5, 10):
        one = power(n, -2.0, here, level)
        assert one == pytest.approx(forecast.power(n, -2.0, there, forecast.Rule(level)), abs=0.03)

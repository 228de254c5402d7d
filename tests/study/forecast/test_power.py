"""The power of a design: the report's own calculation, and numbers that can be checked by hand."""

from __future__ import annotations

import math

import pytest

from reports.analysis import power as of_reports
from study.forecast.power import Pilot, Rule, detectable, power


@pytest.mark.parametrize(
    ("n", "effect", "dies"), [(3, 2.0, 0.0), (5, 1.5, 0.0), (10, 1.0, 0.2), (8, 3.0, 0.4)]
)
def test_the_dry_run_and_the_report_say_the_same(n: int, effect: float, dies: float) -> None:
    mine = power(n, -effect, Pilot(1.0, dies, 0.0, 80.0), Rule(0.05 / 8))
    theirs = of_reports.power(n, -effect, of_reports.Pilot(1.0, dies, 0.0, 80.0), 0.05 / 8)
    assert mine == pytest.approx(theirs, abs=0.02)


def test_a_sign_flip_test_of_few_units_finds_nothing() -> None:
    """Five signs have 32 patterns: the smallest p is 2 / 32."""
    assert power(5, 100.0, Pilot(1.0), Rule(0.05, "sign_flip")) == 0.0
    assert power(6, 100.0, Pilot(1.0), Rule(0.05, "sign_flip")) == 1.0
    assert math.isnan(detectable(5, Pilot(1.0), Rule(0.05, "sign_flip")))


def test_failures_cost_power() -> None:
    without = power(10, 2.0, Pilot(1.0), Rule(0.05))
    with_failures = power(10, 2.0, Pilot(1.0, 0.0, 0.2, 80.0), Rule(0.05))
    assert without > 0.99
    assert with_failures < 0.5


@pytest.mark.parametrize(
    ("seeds", "alpha"), [(3, 0.05), (5, 0.05), (10, 0.05), (10, 0.05 / 15), (20, 0.01)]
)
def test_detectable_differences_are_those_of_the_noncentral_t(seeds: int, alpha: float) -> None:
    """The power of a paired t-test is that of a noncentral t with n - 1 degrees of freedom, shifted
    by d sqrt(n)."""
    from scipy.stats import nct, t

    d = detectable(seeds, Pilot(1.0), Rule(alpha))
    critical = t.ppf(1 - alpha / 2, seeds - 1)
    found = nct.sf(critical, seeds - 1, d * seeds**0.5) + nct.cdf(
        -critical, seeds - 1, d * seeds**0.5
    )
    assert found == pytest.approx(0.8, abs=0.002)

"""Intervals, paired tests and corrections for a handful of seeds. Pure functions of numbers; nothing here knows an arm or a file.

Conventions: ``x`` is float [n], one value per seed; ``d`` is float [n], one paired difference per seed (arm minus the other, same
seed). Missing values must be dropped before. NaN is returned where a number cannot be had, never 0 and never infinity.

Why Student's t and not the bootstrap is the default interval: with n seeds the bootstrap resamples n numbers, and its intervals are far
too short when n is small. Coverage of nominal 95 % intervals of a mean, 4,000 draws each (error 0.003 to 0.008):

    data                                     method          n = 3    n = 5    n = 8    n = 10
    normal                                   Student's t     0.953    0.948    0.951    0.949
                                             BCa             0.730    0.840    0.888    0.898
                                             percentile      0.754    0.836    0.885    0.899
    near a ceiling, Beta(97, 3)              Student's t     0.935    0.927    0.941    0.935
                                             BCa             0.712    0.821    0.889    0.894
    one seed in ten at chance                Student's t     0.275    0.407    0.568    0.659
                                             BCa             0.268    0.400    0.527    0.640

The last block holds for any method: a few seeds do not show a rare collapse. That is why a table counts the trials that failed.
tests/reports/test_coverage.py repeats the rows on normal data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]
Method = Literal["t", "bootstrap"]
Correction = Literal["holm", "bonferroni", "none"]

EXACT_UP_TO = 16  # seeds: 2^16 sign patterns are enumerated; above, the permutation test draws RESAMPLES of them
RESAMPLES = 9_999

BETTER, WORSE = "better", "worse"


def interval(x: ArrayLike, confidence: float = 0.95, method: Method = "t") -> tuple[float, float]:
    """Two-sided confidence interval of the mean of ``x`` [n]: Student's t with n - 1 degrees of freedom, or the BCa bootstrap.

    (NaN, NaN) for fewer than two values, and for identical ones: a width of 0 would claim certainty that a few equal counts do not give.
    """
    x = np.asarray(x, dtype=float)
    if x.size < 2 or np.ptp(x) == 0:
        return math.nan, math.nan
    mean, spread = float(x.mean()), float(x.std(ddof=1))
    if method == "bootstrap":
        result = stats.bootstrap(
            (x,), np.mean, confidence_level=confidence, n_resamples=RESAMPLES, method="BCa", rng=0
        )
        return float(result.confidence_interval.low), float(result.confidence_interval.high)
    half = float(stats.t.ppf((1 + confidence) / 2, x.size - 1)) * spread / math.sqrt(x.size)
    return mean - half, mean + half


def sign_flip_p(d: ArrayLike) -> float:
    """Two-sided paired permutation test of "the differences are symmetric about 0": how often do random signs give a mean as far from 0?

    Exact up to EXACT_UP_TO seeds (all 2^n patterns, as scipy.stats.permutation_test has it, which goes through them in Python), so its
    smallest value is 2^(1 - n); above, the observed pattern and RESAMPLES random ones. Ties are ties up to rounding error, or 0.3 - 0.2
    and 0.8 - 0.7 would differ.
    """
    d = np.asarray(d, dtype=float)
    n = d.size
    if n == 0:
        return math.nan
    if n <= EXACT_UP_TO:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.vstack(
            [np.ones(n), np.random.default_rng(0).choice([-1.0, 1.0], (RESAMPLES, n))]
        )
    return float(np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-10 * np.abs(d).sum()))


def smallest_p(n: int) -> float:
    """The smallest two-sided p that ``n`` paired seeds can give: all differences of one sign. 3 seeds 0.25, 5 0.0625, 6 0.03125."""
    return 2.0 ** (1 - n) if n > 0 else math.nan


def corrected(p: Sequence[float], correction: Correction = "holm") -> list[float]:
    """Adjusted p values of one family, in the order given; NaN (no test) stays NaN and does not count as a member.

    Holm (1979): with ``m`` tests, the i-th smallest p is multiplied by ``m - i + 1``, made non-decreasing and cut at 1.
    """
    values = np.asarray(p, dtype=float)
    out = np.full(values.shape, math.nan)
    tested = np.flatnonzero(~np.isnan(values))
    m = tested.size
    if correction == "none":
        return values.tolist()
    if correction == "bonferroni":
        out[tested] = np.minimum(1.0, values[tested] * m)
        return out.tolist()
    order = tested[np.argsort(values[tested], kind="stable")]
    out[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * (m - np.arange(m))))
    return out.tolist()


def can_be_significant(
    n: Sequence[int], alpha: float, correction: Correction = "holm"
) -> list[bool]:
    """For each comparison of a family, with ``n`` paired seeds each: could any data make it significant after correction?

    Corrected p values only grow with the p values, so the corrected smallest p values are the floor.
    """
    floor = corrected([smallest_p(k) for k in n], correction)
    return [bool(p <= alpha) for p in floor]  # NaN compares false


def seeds_needed(comparisons: int, alpha: float, correction: Correction = "holm") -> int:
    """The fewest paired seeds with which each of ``comparisons`` can be significant after correction."""
    n = 2
    while not all(can_be_significant([n] * comparisons, alpha, correction)):
        n += 1
    return n


def effect_size(d: ArrayLike) -> float:
    """Hedges-corrected Cohen's d_z of paired differences: ``mean / sd * (1 - 3 / (4 (n - 1) - 1))``. NaN without spread or below 3 seeds.

    (At n = 2 the correction factor is 0 and says nothing.)
    """
    d = np.asarray(d, dtype=float)
    if d.size < 3 or np.ptp(d) == 0:
        return math.nan
    return float(d.mean() / d.std(ddof=1) * (1 - 3 / (4 * (d.size - 1) - 1)))


def verdict(
    mean: float, n: int, p: float, possible: bool, alpha: float, higher_is_better: bool = True
) -> str:
    """The comparison in words. ``p`` is the corrected one; ``possible`` is can_be_significant's answer."""
    if n == 0 or math.isnan(mean):
        return "no paired seeds"
    seeds = f"{n} seed" + ("s" if n != 1 else "")
    if not possible:
        return f"cannot be significant with {seeds}"
    if math.isnan(p) or p > alpha:
        return f"not distinguishable with {seeds}"
    return BETTER if (mean > 0) == higher_is_better else WORSE

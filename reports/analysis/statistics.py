"""Intervals, paired tests and adjustments for a handful of seeds. Pure functions of numbers.

Conventions: ``x`` is float [n], one value per unit (a seed, or a repeat of the search); ``d`` is
float [n], one paired difference per unit (arm minus the other). The caller drops missing values.
A number that cannot be computed is NaN, never 0 or infinity.

The interval of a mean is Student's t, since a bootstrap interval is far too short when n is small.
Coverage of nominal 95 % intervals, 4,000 draws each (error 0.003 to 0.008):

    data                                     method          n = 3    n = 5    n = 8    n = 10
    normal                                   Student's t     0.953    0.948    0.951    0.949
                                             BCa             0.730    0.840    0.888    0.898
                                             percentile      0.754    0.836    0.885    0.899
    near a ceiling, Beta(97, 3)              Student's t     0.935    0.927    0.941    0.935
                                             BCa             0.712    0.821    0.889    0.894
    one seed in ten at chance                Student's t     0.275    0.407    0.568    0.659
                                             BCa             0.268    0.400    0.527    0.640

No method could do better in the last block, since a few seeds rarely show a rare collapse. That is
why tables say how many replicates trained. tests/reports/analysis/test_coverage.py repeats the
normal rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]
Method = Literal["t", "bootstrap"]
Test = Literal["t", "sign_flip"]
Correction = Literal["single_step", "holm", "none"]

# Up to 16 units the tests use all 2^n sign patterns; beyond, RESAMPLES random ones.
EXACT_UP_TO = 16
RESAMPLES = 9_999
MOST_UNITS = 1_000  # the largest number of units that `units_needed` tries


def interval(x: ArrayLike, confidence: float = 0.95, method: Method = "t") -> tuple[float, float]:
    """Returns a two-sided confidence interval of the mean of ``x`` [n].

    It is Student's t, or the BCa bootstrap. For fewer than two values, and for identical ones, it
    is (NaN, NaN): a width of 0 would claim a certainty that a few equal counts do not give.
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


@dataclass(frozen=True)
class Paired:
    """A single paired t-test, with a two-sided, unadjusted ``p`` and an interval [low, high]."""

    n: int
    mean: float = math.nan
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan


def t_bounds(d: ArrayLike, level: float, resolution: float = 0.0) -> tuple[Array, Array, Array]:
    """Returns (mean, SD, half width) of Student's interval over the last axis of ``d`` [..., n].

    Needs n >= 2. ``resolution`` is the least difference that the test set can show (one image), and
    the standard deviation counts as at least that: a few seeds with equal counts do not show that
    seeds never differ, and without this limit one image could look significant.
    """
    d = np.asarray(d, dtype=float)
    n = d.shape[-1]
    sd = np.maximum(d.std(axis=-1, ddof=1), resolution)
    return d.mean(axis=-1), sd, stats.t.isf(level / 2, n - 1) * sd / math.sqrt(n)


def paired(d: ArrayLike, level: float, resolution: float = 0.0) -> Paired:
    """Returns the paired t-test of ``d`` [n], with an interval of confidence 1 - ``level``.

    There is no interval if all differences are equal and their resolution is not known.
    """
    d = np.asarray(d, dtype=float)
    if not d.size:
        return Paired(0)
    if d.size < 2:
        return Paired(1, float(d[0]))
    mean, sd, half = (float(value) for value in t_bounds(d, level, resolution))
    if sd == 0 or (resolution == 0 and np.ptp(d) == 0):
        return Paired(d.size, mean, 0.0)
    p = 2 * float(stats.t.sf(abs(mean) / (sd / math.sqrt(d.size)), d.size - 1))
    return Paired(d.size, mean, sd, mean - half, mean + half, p)


def t_half(n: int, sd: float, level: float) -> float:
    """Returns half the width of Student's interval of confidence 1 - ``level``."""
    return float(stats.t.isf(level / 2, n - 1)) * sd / math.sqrt(n)


def units_needed(
    n: int, mean: float, sd: float, level: float, margin: float | None, least: int = 2
) -> int | None:
    """Returns how many more units would decide the comparison if ``mean`` and ``sd`` stay the same.

    It is decided once its interval excludes 0 or lies within the margin, and not with fewer than
    ``least`` units. Returns None if no number up to MOST_UNITS decides, or if ``sd`` is not known.
    """
    if math.isnan(sd) or math.isnan(mean):
        return None
    k = np.arange(max(n + 1, least), MOST_UNITS + 1)
    half = stats.t.isf(level / 2, k - 1) * sd / np.sqrt(k)
    decided = half < abs(mean)
    if margin is not None:
        decided |= abs(mean) + half < margin
    found = np.flatnonzero(decided)
    return int(k[found[0]]) - n if found.size else None


def sign_patterns(n: int) -> Array:
    """Returns sign patterns [patterns, n], the observed one first: all 2^n, or random ones."""
    if n <= EXACT_UP_TO:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return np.asarray(1.0 - 2.0 * bits)
    drawn = np.random.default_rng(0).choice([-1.0, 1.0], (RESAMPLES, n))
    return np.vstack([np.ones(n), drawn])


def sign_flip_p(d: ArrayLike) -> float:
    """Returns the two-sided p of a sign-flip test of the mean of ``d`` [n].

    It is the share of sign patterns whose mean is at least as far from 0, so at least 2^(1 - n).
    Ties count up to rounding errors, since 0.3 - 0.2 and 0.8 - 0.7 differ as floats.
    """
    d = np.asarray(d, dtype=float)
    if not d.size:
        return math.nan
    sums = np.abs(sign_patterns(d.size) @ d)
    return float(np.mean(sums >= abs(d.sum()) - 1e-10 * np.abs(d).sum()))


def smallest_p(n: int) -> float:
    """Returns the smallest two-sided p of a sign-flip test with ``n`` units; 0.03125 for 6."""
    return 2.0 ** (1 - n) if n > 0 else math.nan


def least_for_sign_flips(alpha: float) -> int:
    """Returns the fewest units with which a sign-flip test can reach ``alpha``."""
    return 1 + math.ceil(-math.log2(alpha))


def joint_sign_flips(
    d: ArrayLike, alpha: float, resolution: float = 0.0
) -> tuple[list[float], float]:
    """Returns the joint sign-flip test of a family: (adjusted p [m], critical value of |t|).

    ``d`` is float [units, m], NaN if a comparison lacks the unit. The signs of a unit flip in all
    comparisons together, which keeps their dependence, and the statistic is the largest |t| of the
    family (Westfall and Young's single step). The interval mean +- critical * SD / sqrt(n) excludes
    0 exactly if the adjusted p is at most ``alpha``. The critical value is infinite if there are
    too few units for any data to reach ``alpha``.
    """
    d = np.asarray(d, dtype=float)
    known = ~np.isnan(d)
    n, filled = known.sum(axis=0), np.where(known, d, 0.0)
    tested = n >= 2
    if not tested.any():
        return [math.nan] * d.shape[1], math.inf
    filled, n = filled[:, tested], n[tested]
    used = known.any(axis=1)
    means = sign_patterns(int(used.sum())) @ filled[used] / n
    # The sum of squares does not change when signs flip, so the variance follows from the mean.
    variance = ((filled**2).sum(axis=0) - n * means**2) / (n - 1)
    sd = np.maximum(np.sqrt(np.maximum(variance, 0.0)), resolution)
    scale = np.maximum(np.abs(filled).max(), 1e-300)
    t = np.abs(means) / np.maximum(sd, 1e-9 * scale) * np.sqrt(n)
    largest = np.sort(t.max(axis=1))
    at_least = largest.size - np.searchsorted(largest, t[0] * (1 - 1e-9), side="left")
    adjusted = np.full(d.shape[1], math.nan)
    adjusted[tested] = at_least / largest.size
    # |t| is significant if at most a share alpha of the patterns reach it, so if it exceeds this.
    place = largest.size - math.floor(alpha * largest.size + 1e-9) - 1
    enough = n.max() > EXACT_UP_TO or alpha * largest.size >= 2
    return adjusted.tolist(), float(largest[place]) if enough else math.inf


def corrected(
    p: Sequence[float], correction: Correction = "single_step", comparisons: int | None = None
) -> list[float]:
    """Returns the adjusted p-values of a family, in the given order; NaN (no test) stays NaN.

    ``comparisons`` is the size of the planned family, in which a comparison without a p still
    counts; by default it is the number of p-values. Single step is Bonferroni's ``p * m``. Holm
    (1979) multiplies the i-th smallest p by ``m - i + 1`` and makes the products non-decreasing.
    """
    values = np.asarray(p, dtype=float)
    tested = np.flatnonzero(~np.isnan(values))
    m = tested.size if comparisons is None else max(comparisons, tested.size)
    out = np.full(values.shape, math.nan)
    if correction == "none":
        return values.tolist()
    if correction == "single_step":
        out[tested] = np.minimum(1.0, values[tested] * m)
        return out.tolist()
    order = tested[np.argsort(values[tested], kind="stable")]
    factors = m - np.arange(order.size)
    out[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return out.tolist()


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns Wilson's score interval of a share; (NaN, NaN) for no trials."""
    if n == 0:
        return math.nan, math.nan
    found = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def mcnemar_p(only_one: int, only_other: int) -> float:
    """Returns the p of the exact McNemar test of two paired yes-or-no outcomes.

    The arguments count the pairs that disagree.
    """
    disagreeing = only_one + only_other
    if not disagreeing:
        return 1.0
    return float(stats.binomtest(only_one, disagreeing).pvalue)


def effect_size(d: ArrayLike, resolution: float = 0.0) -> float:
    """Returns the Hedges-corrected Cohen's d_z of paired differences ``d`` [n].

    It is ``mean / sd * (1 - 3 / (4 (n - 1) - 1))``, and NaN without a spread or with fewer than 3
    units (at n = 2 the correction factor is 0).
    """
    d = np.asarray(d, dtype=float)
    if d.size < 3 or np.ptp(d) == 0:
        return math.nan
    sd = max(float(d.std(ddof=1)), resolution)
    if sd == 0:
        return math.nan
    return float(d.mean() / sd * (1 - 3 / (4 * (d.size - 1) - 1)))

"""The power of the test that a study's report uses, with failures taken into account.

The test counts units: repeats of the search, or seeds if there is one search. Without failures the
power of the paired t-test is exact (the noncentral t distribution). With failures, and for the
sign-flip test, it is simulated, since a replicate at chance level is far from normal.
`reports.analysis.power` does the same for reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import optimize, stats

DRAWS = 4_000
FLIPS = 500


@dataclass(frozen=True)
class Pilot:
    """How units behave; ``sd`` and ``drop`` are in the metric's unit.

    ``sd`` is the standard deviation of paired differences. ``dies`` and ``reference_dies`` are the
    probabilities that a replicate fails. ``drop`` is the distance from a trained network to chance.
    """

    sd: float
    dies: float = 0.0
    reference_dies: float = 0.0
    drop: float = 0.0


@dataclass(frozen=True)
class Rule:
    """The test of one comparison: its kind, and its level after correction for the family."""

    level: float
    kind: str = "t"  # or sign_flip


def power(n: int, effect: float, pilot: Pilot, test: Rule) -> float:
    """Returns the probability that ``n`` units show a true ``effect``, with the right sign."""
    if n < 2:
        return 0.0
    if test.kind == "sign_flip":
        return _by_sign_flips(n, effect, pilot, test.level)
    if pilot.dies == 0 and pilot.reference_dies == 0:
        critical = stats.t.isf(test.level / 2, n - 1)
        return float(stats.nct.sf(critical, n - 1, abs(effect) / pilot.sd * math.sqrt(n)))
    d = _differences(n, effect, pilot)
    mean, sd = d.mean(axis=1), d.std(axis=1, ddof=1)
    half = stats.t.isf(test.level / 2, n - 1) * sd / math.sqrt(n)
    return float(np.mean(np.sign(effect) * mean > half))


def _differences(n: int, effect: float, pilot: Pilot) -> np.ndarray:
    """Simulates paired differences, (DRAWS, n), with failed replicates at chance level."""
    rng = np.random.default_rng(0)
    d = rng.normal(effect, pilot.sd, (DRAWS, n))
    mine = rng.random((DRAWS, n)) < pilot.dies
    theirs = rng.random((DRAWS, n)) < pilot.reference_dies
    failed = np.where(mine, -pilot.drop, pilot.drop)
    return np.where(mine & theirs, 0.0, np.where(mine | theirs, failed, d))


def _by_sign_flips(n: int, effect: float, pilot: Pilot, level: float) -> float:
    """Returns the share of simulated studies in which the sign-flip test finds the difference.

    The joint test of a report is a little sharper if comparisons share their reference.
    """
    if 2.0 ** (1 - n) > level:
        return 0.0
    d = _differences(n, effect, pilot)
    flipped = np.abs(d @ _flips(n).T)
    observed = np.abs(d.sum(axis=1))
    p = np.mean(flipped >= observed[:, None] * (1 - 1e-9), axis=1)
    right = np.sign(d.sum(axis=1)) == np.sign(effect)
    return float(np.mean((p <= level) & right))


@cache
def _flips(n: int) -> np.ndarray:
    """Returns patterns of signs, (patterns, n): all of them, or enough random ones."""
    if n <= 12:
        bits = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
        return 1.0 - 2.0 * bits
    rng = np.random.default_rng(0)
    return np.concatenate([np.ones((1, n)), rng.choice([-1.0, 1.0], (4 * FLIPS, n))])


def detectable(n: int, pilot: Pilot, test: Rule, wanted: float = 0.8) -> float:
    """Returns the least difference found with probability ``wanted``; NaN if there is none."""

    def lacking(effect: float) -> float:
        return power(n, -effect, pilot, test) - wanted

    top = pilot.sd
    while lacking(top) < 0:
        top *= 2
        if top > 1e4 * pilot.sd:
            return math.nan
    return float(optimize.brentq(lacking, 1e-9 * pilot.sd, top, xtol=1e-5 * pilot.sd))

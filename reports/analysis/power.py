"""The power of the paired t-test of a study of a given size, with failures taken into account.

Without failures it is exact (the noncentral t distribution). With failures it is simulated, since a
replicate at chance level is far from normal. study/forecast/power.py does the same for `--dry-run`;
a test compares the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from reports.analysis import statistics

DRAWS = 4_000


@dataclass(frozen=True)
class Pilot:
    """How replicates behave; ``sd`` and ``drop`` are in the metric's unit.

    ``sd`` is the standard deviation of paired differences. ``dies`` and ``reference_dies`` are the
    probabilities that a replicate fails. ``drop`` is the distance from a trained network to chance.
    """

    sd: float
    dies: float = 0.0
    reference_dies: float = 0.0
    drop: float = 0.0


def power(n: int, effect: float, pilot: Pilot, level: float) -> float:
    """Returns the probability that an interval at ``level`` excludes zero on the effect's side."""
    if n < 2:
        return 0.0
    if pilot.dies == 0 and pilot.reference_dies == 0:
        return _exact(n, effect, pilot.sd, level)
    rng = np.random.default_rng(0)
    d = rng.normal(effect, pilot.sd, (DRAWS, n))
    mine = rng.random((DRAWS, n)) < pilot.dies
    theirs = rng.random((DRAWS, n)) < pilot.reference_dies
    d[mine] = -pilot.drop
    d[theirs] = pilot.drop
    d[mine & theirs] = 0.0
    mean, _, half = statistics.t_bounds(d, level)
    return float(np.mean(np.sign(effect) * mean > half))


def _exact(n: int, effect: float, sd: float, level: float) -> float:
    critical = stats.t.isf(level / 2, n - 1)
    return float(stats.nct.sf(critical, n - 1, abs(effect) / sd * math.sqrt(n)))


def detectable(n: int, pilot: Pilot, level: float, wanted: float = 0.8) -> float:
    """Returns the least effect found with probability ``wanted``; NaN if there is none."""
    if n < 2:
        return math.nan

    def lacking(effect: float) -> float:
        return power(n, -effect, pilot, level) - wanted

    top = pilot.sd
    while lacking(top) < 0:
        top *= 2
        if top > 1e4 * pilot.sd:
            return math.nan
    return float(optimize.brentq(lacking, 1e-9 * pilot.sd, top, xtol=1e-3 * pilot.sd))

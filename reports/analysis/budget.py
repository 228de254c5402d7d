"""What a search's budget buys: the best so far, the expected best of k trials, and changed ranks.

``values`` is float [n], one per finished trial of an arm, in the order of the proposals. A trial
without a value, which used the budget for nothing, is NaN.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]


def best_so_far(values: ArrayLike, higher: bool = True) -> Array:
    """Returns the best value of the first 1, 2, ... n trials; NaN until one has a value."""
    x = np.asarray(values, dtype=float)
    accumulate = np.fmax.accumulate if higher else np.fmin.accumulate
    return np.asarray(accumulate(x))


@dataclass(frozen=True)
class Budget:
    """The best of k = 1 ... n trials: its expectation and [10 %, 90 %] range over random orders.

    All float [n].
    """

    mean: Array
    low: Array
    high: Array


def expected_best(values: ArrayLike, higher: bool = True) -> Budget:
    """Returns the best of k of the n trials drawn without replacement, computed exactly.

    With the values sorted from worst to best, the i-th is the best of k with probability ``C(i-1,
    k-1) / C(n, k)``. The mean is over the draws that hold at least one value; a quantile is NaN
    if its draw holds none.
    """
    x = np.asarray(values, dtype=float)
    x = np.sort(x if higher else -x)
    x = np.concatenate([x[np.isnan(x)], x[~np.isnan(x)]])  # trials without a value are the worst
    n, failed = x.size, int(np.isnan(x).sum())
    mean, low, high = (np.full(n, math.nan) for _ in range(3))
    rank = np.arange(1, n + 1)
    for k in range(1, n + 1):
        weight = np.where(
            rank >= k, np.exp(_log_choose(rank - 1, k - 1) - _log_choose(np.array(n), k)), 0.0
        )
        if weight[failed:].sum() > 0:
            mean[k - 1] = np.sum(weight[failed:] * x[failed:]) / weight[failed:].sum()
        reached = np.cumsum(weight)
        low[k - 1], high[k - 1] = (
            x[min(int(np.searchsorted(reached, q - 1e-12)), n - 1)] for q in (0.1, 0.9)
        )
    if higher:
        return Budget(mean, low, high)
    return Budget(-mean, -high, -low)


def _log_choose(n: Any, k: int) -> Any:
    n = np.maximum(n, k)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


@dataclass(frozen=True)
class Flip:
    """Two arms: up to ``trials`` trials ``early`` is ahead on average, and beyond, ``late`` is."""

    early: str
    late: str
    trials: int


def flips(curves: Mapping[str, Array], higher: bool = True, noise: float = 1e-9) -> list[Flip]:
    """Pairs of arms whose order by expected best changes with the budget: the last such change.

    Only budgets up to the shorter of the two curves count, and only differences beyond ``noise``.
    """
    found = []
    for (a, x), (b, y) in itertools.combinations(curves.items(), 2):
        k = min(x.size, y.size)
        gap = x[:k] - y[:k]
        ahead = np.where(np.abs(gap) > noise, np.sign(gap), 0.0) * (1 if higher else -1)
        decided = np.flatnonzero((ahead != 0) & ~np.isnan(gap))
        changes = [(i, j) for i, j in itertools.pairwise(decided) if ahead[i] != ahead[j]]
        if changes:
            i, _ = changes[-1]
            early, late = (a, b) if ahead[i] > 0 else (b, a)
            found.append(Flip(early, late, int(i) + 1))
    return found

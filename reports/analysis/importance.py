"""The parameters that matter in a search, more than they would by chance.

fANOVA (Hutter et al. 2014): fits a forest to the completed trials; a parameter's share is the
variance of the forest's mean over all other parameters. The trees are extremely randomised, since
with 20 trials they find the right parameter more often than a random forest's do
(benchmarks/statistics.py). The interval is a bootstrap over trials. Some parameter always comes
first, so the shares are compared with those of permuted values: a parameter stands out if its share
exceeds nearly every largest share of a search in which nothing matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reports.analysis.collect import Study
from reports.analysis.trials import as_choice, searched_parameters, trials_of

Array = NDArray[np.float64]

LEAST_FOR_IMPORTANCE = 20  # completed trials; with fewer, the first place is a matter of luck
TREES = 12
SAMPLES = 64  # points over which the other parameters are averaged
STEPS = 12  # values of the parameter itself
RESAMPLES = 39  # bootstraps, and permutations: the largest of 40 has p = 0.025


@dataclass(frozen=True)
class Importance:
    """How much one parameter explains, and how much it would by chance.

    ``share`` is the explained part of the metric's variance, and [low, high] its 90 % bootstrap
    interval. In 95 % of searches in which nothing matters, the largest share is below ``null``.
    """

    parameter: str
    share: float
    low: float
    high: float
    null: float

    @property
    def stands_out(self) -> bool:
        return self.share > self.null


def importances(study: Study, arm: str) -> list[Importance]:
    """Returns one record per searched parameter, by falling share.

    Returns none if there are fewer than LEAST_FOR_IMPORTANCE trials.
    """
    rows = trials_of(study, arm)
    rows = rows[rows["value"].notna()]
    names = searched_parameters(study, rows)
    # A forest cannot average over a conditional parameter, which some trials do not have.
    names = [name for name in names if rows[name].notna().all()]
    if len(rows) < LEAST_FOR_IMPORTANCE or not names or rows["value"].nunique() < 2:
        return []
    spaces = study.plan["parameters"]
    x = np.column_stack([coded(rows[name], spaces[name]) for name in names])
    return records(names, x, rows["value"].to_numpy(dtype=float))


def missing(study: Study, arm: str) -> str:
    """Returns a note on an arm with too few trials; empty if it has enough."""
    done = int(trials_of(study, arm)["value"].notna().sum())
    if done >= LEAST_FOR_IMPORTANCE:
        return ""
    return f"{arm}: {done} completed trials, importance needs {LEAST_FOR_IMPORTANCE}"


def records(names: list[str], x: Array, y: Array) -> list[Importance]:
    """Returns one record per column of ``x`` [n, k], which explains ``y`` [n]; by falling share."""
    rng = np.random.default_rng(0)
    found = shares(x, y, seed=0)
    boots, null = [], []
    for k in range(RESAMPLES):
        chosen = rng.integers(len(y), size=len(y))
        boots.append(shares(x[chosen], y[chosen], seed=k))
        null.append(shares(x, rng.permutation(y), seed=k).max())
    low, high = np.quantile(boots, [0.05, 0.95], axis=0)
    level = float(np.quantile(null, 0.95, method="higher"))
    order = np.argsort(-found, kind="stable")
    return [
        Importance(names[k], float(found[k]), float(low[k]), float(high[k]), level) for k in order
    ]


def coded(values: pd.Series, space: Mapping[str, Any]) -> Array:
    """Returns a parameter's values as numbers: logarithms on a log scale, the index of a choice."""
    if space["type"] == "categorical":
        choices = list(space["choices"])
        return np.array([_index(value, choices) for value in values], dtype=float)
    numbers = values.to_numpy(dtype=float)
    return np.log(numbers) if space.get("log") else numbers


def _index(value: Any, choices: list[Any]) -> float:
    try:
        return float(choices.index(as_choice(value, choices)))
    except LookupError:
        return -1.0  # the study file no longer offers this choice


def shares(x: Array, y: Array, seed: int) -> Array:
    """Returns the share [k] of the variance of ``y`` [n] explained by each column of ``x``."""
    from sklearn.ensemble import ExtraTreesRegressor

    k = x.shape[1]
    forest = ExtraTreesRegressor(TREES, random_state=seed).fit(x, y)
    rng = np.random.default_rng(seed)
    others = np.column_stack([rng.choice(column, SAMPLES) for column in x.T])
    grids = [np.quantile(column, np.linspace(0, 1, STEPS)) for column in x.T]
    points = np.broadcast_to(others, (k, STEPS, SAMPLES, k)).copy()
    for column, grid in enumerate(grids):
        points[column, :, :, column] = grid[:, None]
    flat = points.reshape(-1, k).astype(np.float32)
    # Calls the trees one by one, since the forest's own predict starts threads for every call.
    predicted = sum(tree.tree_.predict(flat)[:, 0] for tree in forest.estimators_) / TREES
    explained = predicted.reshape(k, STEPS, SAMPLES).mean(axis=2).var(axis=1)
    return np.asarray(explained / max(y.var(), 1e-300))

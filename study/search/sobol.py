"""A sampler of low-discrepancy points, whose coordinates all arms share."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial


class SobolSampler(BaseSampler):
    """Point number ``number`` of a scrambled Sobol sequence, with one coordinate for each path.

    Optuna's own QMCSampler would not do: it counts points in its storage, so a kill would skip one,
    and it assigns coordinates to the parameters of the arm, so arms would not share them.
    """

    def __init__(self, seed: int, number: int, paths: Sequence[str]) -> None:
        from scipy.stats import qmc  # takes half a second, which only searches with qmc need

        sequence = qmc.Sobol(len(paths), scramble=True, rng=seed)
        if number:
            sequence.fast_forward(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the warning that single points are not balanced
            self.point = dict(zip(paths, sequence.random(1)[0], strict=True))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return at(param_distribution, self.point[param_name])


def at(distribution: Any, share: float) -> Any:
    """Returns the quantile of a distribution, for a ``share`` from 0 to below 1."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(share * len(distribution.choices))]
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.log and step is None:
        return float(math.exp(math.log(low) + share * (math.log(high) - math.log(low))))
    if distribution.log:  # whole numbers, each with the interval of +-0.5 around it
        value = math.exp(math.log(low - 0.5) + share * (math.log(high + 0.5) - math.log(low - 0.5)))
        return min(max(round(value), low), high)
    if step is None:
        return float(low + share * (high - low))
    count = round((high - low) / step) + 1
    return low + step * int(share * count)

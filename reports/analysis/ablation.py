"""The contribution of each factor: taken away, added alone, on average, and as a Shapley value.

All functions are pure: ``y`` maps the set of factors PRESENT to that network's values, a Series by
(repeat, seed). An effect is "value with the factor minus value without", in the metric's unit, for
each unit; its interval is over units. Replicates that failed count as chance. If a combination has
no value, every effect that needs it has no number. designs.py handles factors with levels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.analysis import outcomes, statistics
from reports.analysis.collect import Study
from reports.analysis.options import Options

Cells = Mapping[frozenset[str], pd.Series]

TAKEN, ADDED, MAIN, SHAPLEY = (
    "taken away from the whole",
    "added alone",
    "average over all combinations",
    "Shapley value",
)


@dataclass(frozen=True)
class Effect:
    """One effect over the ``n`` seeds that have every value it needs."""

    factors: tuple[str, ...]
    kind: str
    n: int = 0
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_corrected: float = math.nan


def cells(
    study: Study, options: Options
) -> tuple[tuple[str, ...], dict[frozenset[str], pd.Series]]:
    """Returns the factors in the plan's order, and the values of each combination that was trained.

    Leaves factors with levels, and networks that factors were crossed with, to designs.py.
    """
    factors = tuple(
        name
        for name, given in study.plan.get("factors", {}).items()
        if not any(isinstance(overrides, Mapping) for overrides in given.values())
    )
    values = outcomes.values(study, options)
    found = {}
    for arm in study.arms:
        away = arm.factors
        of_design = arm.role in ("reference", "ablation") and not arm.crossed
        if of_design and away is not None and set(away) <= set(factors):
            found[frozenset(factors) - frozenset(away)] = values[arm.name].dropna()
    return factors, found


def effect(
    factors: Sequence[str], kind: str, parts: Sequence[tuple[float, pd.Series]], options: Options
) -> Effect:
    """Returns the effect as a weighted sum of cells, over the seeds that all of them have."""
    series = [weight * values for weight, values in parts]
    total = pd.concat(series, axis=1, join="inner").sum(axis=1)
    units = outcomes.per_unit(total, options).round(12)
    test = statistics.paired(units, options.alpha, options.resolution)
    return Effect(tuple(factors), kind, test.n, test.mean, test.low, test.high, test.p)


def taken_away(factors: Sequence[str], y: Cells, options: Options) -> list[Effect]:
    """Returns the whole network minus the one without the factor."""
    whole = frozenset(factors)
    return [
        effect([f], TAKEN, [(1.0, y[whole]), (-1.0, y[whole - {f}])], options)
        for f in factors
        if y.keys() >= {whole, whole - {f}}
    ]


def added_alone(factors: Sequence[str], y: Cells, options: Options) -> list[Effect]:
    """Returns the network with this factor only minus the one with none."""
    bare = frozenset[str]()
    return [
        effect([f], ADDED, [(1.0, y[bare | {f}]), (-1.0, y[bare])], options)
        for f in factors
        if y.keys() >= {bare, bare | {f}}
    ]


def is_factorial(factors: Sequence[str], y: Cells) -> bool:
    return len(factors) > 1 and all(frozenset(present) in y for present in subsets(factors))


def subsets(factors: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return itertools.chain.from_iterable(
        itertools.combinations(factors, size) for size in range(len(factors) + 1)
    )


def main_effects(factors: Sequence[str], y: Cells, options: Options) -> list[Effect]:
    """Returns "with minus without" each factor, averaged over the 2^(k-1) others' combinations."""
    effects = []
    for f in factors:
        weight = 2.0 ** (1 - len(factors))
        parts = [
            (weight * (1 if f in present else -1), y[frozenset(present)])
            for present in subsets(factors)
        ]
        effects.append(effect([f], MAIN, parts, options))
    return effects


def interactions(factors: Sequence[str], y: Cells, options: Options) -> list[Effect]:
    """Returns how much the presence of one factor changes the effect of another, for each pair.

    This is the mean of (ab - a - b + none) over the combinations of the others.
    """
    effects = []
    for f, g in itertools.combinations(factors, 2):
        weight = 2.0 ** (2 - len(factors))
        parts = [
            (weight * (1 if (f in present) == (g in present) else -1), y[frozenset(present)])
            for present in subsets(factors)
        ]
        effects.append(effect([f, g], "interaction", parts, options))
    return effects


def shapley_values(factors: Sequence[str], y: Cells, options: Options) -> list[Effect]:
    """Returns each factor's mean contribution over all orders of adding the factors.

    The values sum to the whole minus the bare network. Source: Shapley (1953).
    """
    k, effects = len(factors), []
    for f in factors:
        parts = []
        for present in subsets([g for g in factors if g != f]):
            weight = (
                math.factorial(len(present))
                * math.factorial(k - len(present) - 1)
                / math.factorial(k)
            )
            parts += [(weight, y[frozenset({*present, f})]), (-weight, y[frozenset(present)])]
        effects.append(effect([f], SHAPLEY, parts, options))
    return effects


def path(factors: Sequence[str], y: Cells, options: Options) -> list[tuple[str, pd.Series]]:
    """Returns the ablation path through the trained networks (Fawcett & Hoos 2016).

    From the whole network on, each step takes away the factor that costs most. The path is
    [(factor taken away, values without it)], with the whole first under "". It ends where no
    further combination was trained and has a value; nothing is trained for it.
    """
    present = frozenset(factors)
    if present not in y or y[present].empty:
        return []
    sign, steps = 1.0 if options.higher_is_better else -1.0, [("", y[present])]
    while True:
        next_ones = {
            f: y[present - {f}]
            for f in factors
            if f in present and present - {f} in y and len(y[present - {f}])
        }
        if not next_ones:
            return steps
        factor = min(next_ones, key=lambda f: sign * float(next_ones[f].mean()))
        present = present - {factor}
        steps.append((factor, next_ones[factor]))


def all_effects(factors: Sequence[str], y: Cells, options: Options) -> list[Effect]:
    """Returns every single-factor effect that the executed combinations allow."""
    effects = taken_away(factors, y, options) + added_alone(factors, y, options)
    if len(factors) == 1:
        # With one factor, all kinds are the same.
        return [record for record in effects if record.kind == TAKEN]
    if is_factorial(factors, y):
        effects += main_effects(factors, y, options) + shapley_values(factors, y, options)
    return effects


def missing_cells(factors: Sequence[str], y: Cells) -> list[str]:
    """Returns the trained combinations without any value, in words."""
    names = []
    for present in y:
        if y[present].empty:
            away = [f for f in factors if f not in present]
            names.append(f"without {', '.join(away)}" if away else "the whole")
    return names


def interaction_matrix(
    factors: Sequence[str], effects: Sequence[Effect], singles: Sequence[Effect]
) -> pd.DataFrame:
    """Returns [k x k]: main effects on the diagonal, interactions off it; NaN without a number."""
    matrix = pd.DataFrame(np.nan, index=list(factors), columns=list(factors))
    for record in effects:
        f, g = record.factors
        matrix.loc[f, g] = matrix.loc[g, f] = record.mean
    for record in singles:
        matrix.loc[record.factors[0], record.factors[0]] = record.mean
    return matrix

"""Effects and interactions of every order in a complete design: factors with two or more levels.

A design crosses factors; the networks that they were crossed with count as a further factor. The
effect of a factor without levels is "with minus without", that of a level is "this level minus the
reference's own". The effect of a term is averaged over all combinations of the other factors. An
interaction says how much the levels of its factors change each other's effect: for two factors it
is the mean of (both - one - other + neither), and so on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from reports.analysis import outcomes, statistics
from reports.analysis.ablation import Effect, effect
from reports.analysis.collect import Study
from reports.analysis.options import Options

AWAY = ""  # the only other level of a factor without levels: without the factor
OWN = "its own"  # the reference's level of any factor
NETWORK = "network"

Term = tuple[tuple[str, str], ...]  # (factor, level) of each factor in it


@dataclass(frozen=True)
class Design:
    """A study's factors, and the values of each combination of their levels.

    ``levels`` holds the levels of each factor besides the reference's own. A combination, the key
    of ``values``, is one level per factor, in the order of ``levels``.
    """

    levels: Mapping[str, tuple[str, ...]]
    values: Mapping[tuple[str, ...], pd.Series]

    @property
    def is_complete(self) -> bool:
        """Whether every combination of all levels was trained."""
        every = itertools.product(*((OWN, *levels) for levels in self.levels.values()))
        return bool(self.levels) and all(combination in self.values for combination in every)

    def terms(self, order: int) -> Iterator[Term]:
        """Yields every term of ``order`` factors: 1 for main effects, 2 for pairs, ..."""
        for factors in itertools.combinations(self.levels, order):
            choices = [[(factor, level) for level in self.levels[factor]] for factor in factors]
            yield from itertools.product(*choices)


def design_of(study: Study, options: Options) -> Design:
    """Returns the study's design, with the values of the arms that are combinations of factors."""
    known: dict[str, tuple[str, ...]] = {}
    for name, given in study.plan.get("factors", {}).items():
        named = [level for level, overrides in given.items() if isinstance(overrides, Mapping)]
        known[name] = tuple(named) or (AWAY,)
    crossed = dict.fromkeys(arm.crossed for arm in study.arms if arm.crossed)
    if crossed:
        known[NETWORK] = tuple(crossed)
    table = outcomes.values(study, options)
    values = {}
    for arm in study.arms:
        if arm.factors is None:
            continue
        network = arm.crossed or (arm.name if arm.name in crossed else OWN)
        if network == OWN and arm.role not in ("reference", "ablation"):
            continue
        levels = arm.levels or dict.fromkeys(arm.factors, AWAY)
        place = {**dict.fromkeys(known, OWN), **levels}
        if crossed:
            place[NETWORK] = network
        if place.keys() == known.keys():
            values[tuple(place[factor] for factor in known)] = table[arm.name].dropna()
    return Design(known, values)


def contrast(design: Design, term: Term, options: Options) -> Effect:
    """Returns the effect of a term, over the units that all of its combinations have."""
    wanted = dict(term)
    factors = list(design.levels)
    outside = 1
    for factor, levels in design.levels.items():
        outside *= 1 if factor in wanted else 1 + len(levels)
    parts = []
    for combination in itertools.product(*((OWN, *design.levels[f]) for f in factors)):
        place = dict(zip(factors, combination, strict=True))
        weight = 1.0 / outside
        for factor, level in term:
            weight *= _sign(place[factor], level)
        if weight:
            parts.append((weight, design.values[combination]))
    names = tuple(factor if level == AWAY else f"{factor}: {level}" for factor, level in term)
    kind = "main effect" if len(term) == 1 else "interaction"
    return effect(names, kind, parts, options)


def _sign(level: str, wanted: str) -> float:
    """Returns the sign of a level in the contrast of a factor, or 0 if it has no part in it.

    Without levels, the contrast is "with minus without"; else "this level minus the reference's".
    """
    with_it, without = (OWN, wanted) if wanted == AWAY else (wanted, OWN)
    return float(level == with_it) - float(level == without)


def contrasts(design: Design, options: Options, most: int | None = None) -> list[Effect]:
    """Returns main effects, then interactions of every order up to ``most``.

    Returns none unless the design is complete. ``p_corrected`` is corrected for the number of terms
    in one step.
    """
    if not design.is_complete:
        return []
    found = []
    for order in range(1, min(most or len(design.levels), len(design.levels)) + 1):
        for term in design.terms(order):
            found.append(contrast(design, term, options))
    corrected = statistics.corrected([record.p for record in found], "single_step", len(found))
    return [replace(record, p_corrected=p) for record, p in zip(found, corrected, strict=True)]

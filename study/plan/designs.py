"""Derives the arms of a study file: the reference, its ablations, the baselines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from study.plan.arm import Arm
from study.spec.models import StudySpec

Combination = tuple[tuple[str, str], ...]  # (factor, level) of each factor that is changed
AWAY = ""  # the only other level of a factor without levels: without the factor


def arms(spec: StudySpec) -> Iterator[Arm]:
    """Yields each arm with its overrides, but without its tree and search space."""
    reference = spec.ablation.reference
    yield Arm(reference, "reference", spec.base, {})
    combinations = _combinations(spec)
    for combination in combinations:
        yield _ablation(spec, combination)
    for name, given in spec.baselines.items():
        base = str(given.get("base", spec.base))
        overrides = {path: value for path, value in given.items() if path != "base"}
        yield Arm(name, "baseline", base, overrides)
        for combination in combinations if name in spec.ablation.cross else ():
            yield _crossed(spec, name, base, overrides, combination)


def _ablation(spec: StudySpec, combination: Combination) -> Arm:
    default = _name(combination, tuple(spec.ablation.factors))
    return Arm(
        name=spec.ablation.names.get(default, default),
        role="ablation",
        base=spec.base,
        overrides=_overrides(spec, combination),
        factors=tuple(factor for factor, _ in combination),
        levels=dict(combination),
    )


def _crossed(
    spec: StudySpec, baseline: str, base: str, own: Mapping[str, Any], combination: Combination
) -> Arm:
    default = f"{baseline}+{_name(combination, tuple(spec.ablation.factors))}"
    return Arm(
        name=spec.ablation.names.get(default, default),
        role="baseline",
        base=base,
        overrides={**own, **_overrides(spec, combination)},
        factors=tuple(factor for factor, _ in combination),
        levels=dict(combination),
        crossed=baseline,
    )


def _overrides(spec: StudySpec, combination: Combination) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    for factor, level in combination:
        overrides.update(levels(spec.ablation.factors[factor])[level])
    return overrides


def levels(factor: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns a factor's levels besides the reference's own: level -> overrides."""
    if any(isinstance(value, Mapping) for value in factor.values()):
        return {level: dict(overrides) for level, overrides in factor.items()}
    return {AWAY: dict(factor)}


def _combinations(spec: StudySpec) -> list[Combination]:
    """Returns the combinations of factors that the designs change, without the empty one."""
    factors = tuple(spec.ablation.factors)
    found: dict[Combination, None] = {}
    for design in spec.ablation.design:
        for size in _sizes(design, len(factors)):
            for changed in itertools.combinations(factors, size):
                choices = [
                    [(factor, level) for level in levels(spec.ablation.factors[factor])]
                    for factor in changed
                ]
                found.update(dict.fromkeys(itertools.product(*choices)))
    found.pop((), None)
    return list(found)


def _sizes(design: str, factors: int) -> list[int]:
    """Returns how many factors a design changes at once."""
    if design == "leave_one_out":
        return [1]
    if design == "add_one_in":
        return [factors, max(factors - 1, 0)]
    return list(range(factors + 1))


def _name(combination: Combination, factors: tuple[str, ...]) -> str:
    if any(level != AWAY for _, level in combination):
        parts = [f"{factor}_{level}" if level else f"no_{factor}" for factor, level in combination]
        return "+".join(parts)
    away = tuple(factor for factor, _ in combination)
    if len(away) == 1:
        return f"no_{away[0]}"
    if len(away) == len(factors):
        return "no_factors"
    if len(away) == len(factors) - 1:
        return f"only_{next(factor for factor in factors if factor not in away)}"
    return "no_" + "+".join(away)

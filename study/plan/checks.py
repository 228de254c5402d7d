"""Checks a study's values against the networks that they configure.

Needs the arms; trains nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from eisnn.config.messages import suggestion
from eisnn.errors import ConfigError
from study.plan.arm import Arm
from study.plan.designs import levels
from study.spec.models import StudySpec


def problems(spec: StudySpec, arms: list[Arm]) -> Iterator[str]:
    names = [arm.name for arm in arms]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"baselines.{name}: an ablation arm also has this name; rename the baseline"
    if spec.report.baseline is not None and spec.report.baseline not in names:
        given = spec.report.baseline
        yield f"report.baseline: must name an arm ({', '.join(names)}), given {given}"
    yield from _pairs(spec, names)
    yield from _claims(spec, names)
    for name in spec.resources.arms:
        if name not in names:
            yield f"resources.arms.{name}: must name an arm{suggestion(name, names)}"
    if any(design != "leave_one_out" for design in spec.ablation.design):
        yield from _clashes(spec)
    yield from _same_data(arms)
    for path in spec.parameters:
        if not any(path in arm.space for arm in arms):
            yield f"parameters.{path}: no arm can search it: {arms[0].left_out[path]}"
    for arm in arms:
        yield from _impossible_values(arm)


def _pairs(spec: StudySpec, names: list[str]) -> Iterator[str]:
    seen: list[set[str]] = []
    for index, pair in enumerate(spec.report.pairs):
        for name in pair:
            if name not in names:
                near = suggestion(name, names)
                yield f"report.pairs.{index}: must name two arms, given {name}{near}"
        if pair[0] == pair[1]:
            yield f"report.pairs.{index}: must name two different arms, given {pair[0]} twice"
        elif set(pair) in seen:
            both = f"{pair[0]} and {pair[1]}"
            yield f"report.pairs.{index}: an earlier pair already compares {both}"
        seen.append(set(pair))


def _claims(spec: StudySpec, names: list[str]) -> Iterator[str]:
    for index, claim in enumerate(spec.report.claims):
        key = f"report.claims.{index}"
        for name in (claim.arm, claim.against):
            if name not in names:
                yield f"{key}: must name arms, given {name}{suggestion(name, names)}"
        if claim.arm == claim.against:
            yield f"{key}: must name two different arms, given {claim.arm} twice"
        needs_margin = claim.is_ in ("not_better", "not_worse", "equivalent")
        if needs_margin and claim.margin is None and spec.report.margin is None:
            yield f"{key}: {claim.is_} needs a margin; give one here, or report.margin"


def _clashes(spec: StudySpec) -> Iterator[str]:
    paths = {
        name: {path for overrides in levels(factor).values() for path in overrides}
        for name, factor in spec.ablation.factors.items()
    }
    for one, other in itertools.combinations(paths, 2):
        for path in sorted(paths[one] & paths[other]):
            yield (
                f"ablation.factors.{other}.{path}: factor {one} overrides it too, so the two "
                "factors cannot be changed together"
            )


def _same_data(arms: list[Arm]) -> Iterator[str]:
    """Checks that all arms use the same data and split, without which results do not pair."""

    def split(arm: Arm) -> dict[str, Any]:
        return arm.config({}, 0).data.model_dump(exclude={"augment", "root"})

    first = split(arms[0])
    for arm in arms[1:]:
        for name, value in split(arm).items():
            if value != first[name]:
                yield (
                    f"baselines.{arm.name}: data.{name} must be that of {arms[0].name} "
                    f"({first[name]}), or the arms cannot be compared, given {value}"
                )


def _impossible_values(arm: Arm) -> Iterator[str]:
    """Checks the ends and choices of each parameter of an arm.

    Except for ablations, of which there may be many, also checks those of every two parameters.
    """
    for corner in arm.corners(pairs=arm.role != "ablation"):
        try:
            arm.config(corner.values, 0)
        except ConfigError as error:
            *others, (path, value) = corner.given.items()
            problem = str(error).splitlines()[0]
            problem = problem.removeprefix(f"arm {arm.name}: ").removeprefix(f"{path}: ")
            together = f" (with {others[0][0]}: {others[0][1]})" if others else ""
            yield (
                f"parameters.{path}: the value {value}{together} is impossible in arm {arm.name}: "
                f"{problem}"
            )
            if not others:
                return

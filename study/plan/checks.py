"""What must hold of a study's values in the networks that they configure: needs the arms, trains nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from eisnn.config.yaml_file import ConfigError, suggestion
from study.plan.arm import Arm
from study.spec.models import StudySpec


def problems(spec: StudySpec, arms: list[Arm]) -> Iterator[str]:
    names = [arm.name for arm in arms]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"baselines.{name}: an ablation arm has this name too; rename the baseline"
    if spec.report.baseline is not None and spec.report.baseline not in names:
        yield f"report.baseline: must name an arm ({', '.join(names)}), given {spec.report.baseline}"
    yield from _pairs(spec, names)
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
                yield f"report.pairs.{index}: must name two arms, given {name}{suggestion(name, names)}"
        if pair[0] == pair[1]:
            yield f"report.pairs.{index}: must name two different arms, given {pair[0]} twice"
        elif set(pair) in seen:
            yield f"report.pairs.{index}: {pair[0]} and {pair[1]} are compared by an earlier pair already"
        seen.append(set(pair))


def _clashes(spec: StudySpec) -> Iterator[str]:
    for (one, first), (other, second) in itertools.combinations(spec.ablation.factors.items(), 2):
        for path in first.keys() & second.keys():
            yield f"ablation.factors.{other}.{path}: factor {one} overrides it too, so they cannot be taken away together"


def _same_data(arms: list[Arm]) -> Iterator[str]:
    """Replicates pair by seed, and chosen values by validation accuracy: only on the same data and split."""

    def split(arm: Arm) -> dict[str, Any]:
        return arm.config({}, 0).data.model_dump(exclude={"augment", "root"})

    for arm in arms[1:]:
        for name, value in split(arm).items():
            if value != split(arms[0])[name]:
                yield (
                    f"baselines.{arm.name}: data.{name} must be that of {arms[0].name} ({split(arms[0])[name]}), "
                    f"or the arms cannot be compared, given {value}"
                )


def _impossible_values(arm: Arm) -> Iterator[str]:
    """Ends and choices of every parameter, alone and (not for ablations, of which there may be many) in pairs."""
    singles = [(path, value) for path, parameter in arm.space.items() for value in parameter.ends()]
    pairs = itertools.combinations(singles, 2) if arm.role != "ablation" else ()
    for points in [*((single,) for single in singles), *pairs]:
        values = dict(points)
        for path in list(values):
            values.update(_requirements(arm, path, values))
        if any(values[path] != value for path, value in points) or len(
            {path for path, _ in points}
        ) < len(points):
            continue
        try:
            arm.config(values, 0)
        except ConfigError as error:
            path, value = points[-1]
            problem = (
                str(error)
                .splitlines()[0]
                .removeprefix(f"arm {arm.name}: ")
                .removeprefix(f"{path}: ")
            )
            together = f" (with {points[0][0]}: {points[0][1]})" if len(points) == 2 else ""
            yield f"parameters.{path}: the value {value}{together} is impossible in arm {arm.name}: {problem}"
            if not together:
                return


def _requirements(arm: Arm, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of other parameters under which ``path`` is searched."""
    needed: dict[str, Any] = {}
    for other, wanted in arm.space[path].when.items():
        needed.update(_requirements(arm, other, values))
        needed[other] = wanted
    return needed

"""Checks of a study file beyond the types of its values.

Needs only the file, no config and no network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from eisnn.config.conditions import condition_of
from eisnn.config.messages import known_fields, suggestion
from eisnn.config.sections.train import FREE_OPTIONS
from eisnn.config.trial import TrialConfig
from study.spec.models import StudySpec
from study.spec.search import MAX_TRIALS, METRICS
from study.spec.search_checks import search_problems

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NAME_RULE = (
    "must be letters, digits, '_', '-' or '.', start with a letter or digit, "
    "and have at most 64 characters"
)
MAX_ARMS = 256


def problems(spec: StudySpec) -> Iterator[str]:
    yield from _names(spec)
    yield from _paths(spec)
    yield from _conditions(spec)
    yield from search_problems(spec)
    yield from _metric(spec)
    yield from _sizes(spec)


def _names(spec: StudySpec) -> Iterator[str]:
    keyed = [("name", spec.name), ("ablation.reference", spec.ablation.reference)]
    keyed += [(f"ablation.factors.{name}", name) for name in spec.ablation.factors]
    keyed += [(f"baselines.{name}", name) for name in spec.baselines]
    for key, name in keyed:
        if not NAME.fullmatch(name) or name.endswith("."):
            yield f"{key}: {NAME_RULE}, given {name[:80]!r}"
    for name in dict.fromkeys(name for name in spec.loggers if spec.loggers.count(name) > 1):
        yield f"loggers: must name each logger once, given {name} twice"
    for name, factor in spec.ablation.factors.items():
        yield from _factor(f"ablation.factors.{name}", factor)
    for name in spec.ablation.cross:
        if name not in spec.baselines:
            yield f"ablation.cross: must name baselines{suggestion(name, spec.baselines)}"
    for default, name in spec.ablation.names.items():
        if not NAME.fullmatch(name):
            yield f"ablation.names.{default}: {NAME_RULE}, given {name[:80]!r}"
    if "add_one_in" in spec.ablation.design and any(
        map(_has_levels, spec.ablation.factors.values())
    ):
        yield "ablation.design: add_one_in needs factors that are present or absent, not levels"
    if spec.ablation.reference in spec.baselines:
        name = spec.ablation.reference
        yield f"baselines.{name}: the reference has this name too; rename one of them"


def _factor(key: str, factor: Mapping[str, Any]) -> Iterator[str]:
    if not factor:
        yield f"{key}: needs the override that takes the factor away, given nothing"
    if not _has_levels(factor):
        return
    for level, overrides in factor.items():
        if not isinstance(overrides, Mapping):
            yield f"{key}.{level}: must be a mapping of overrides, as the other levels are"
        elif not overrides:
            yield f"{key}.{level}: needs the overrides that make the level, given nothing"
        if not NAME.fullmatch(level):
            yield f"{key}.{level}: {NAME_RULE}"


def _has_levels(factor: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Mapping) for value in factor.values())


def _overridden(spec: StudySpec) -> Iterator[tuple[str, str]]:
    """Yields the key and the path of each factor's and each baseline's override."""
    for name, factor in spec.ablation.factors.items():
        for key, value in factor.items():
            if isinstance(value, Mapping):
                yield from ((f"ablation.factors.{name}.{key}", path) for path in value)
            else:
                yield f"ablation.factors.{name}", key
    for name, overrides in spec.baselines.items():
        yield from ((f"baselines.{name}", path) for path in overrides if path != "base")


def path_problem(dotted: str) -> str | None:
    """Returns why ``dotted`` is not the path of a value in a training config; None if it is."""
    parts = dotted.split(".")
    for depth, part in enumerate(parts):
        if (
            ".".join(parts[:depth]) in FREE_OPTIONS
            and depth == len(parts) - 1
            and part.isidentifier()
        ):
            return None  # an option that only the user's network or layer knows
        known = known_fields(TrialConfig, tuple(parts[:depth]))
        if not known:
            return f"no such path in a training config: {'.'.join(parts[:depth])} is a single value"
        if part not in known:
            return "no such path in a training config" + suggestion(part, known)
    if parts[0] == "code":
        return "is written by the program; name your code in model.factory, model.norm or data.name"
    if dotted in FREE_OPTIONS:
        return f"is a whole section of a training config; name a value in it, as {dotted}.depth"
    inside = known_fields(TrialConfig, tuple(parts))
    if inside:
        names = ", ".join(sorted(inside))
        return f"is a whole section of a training config; name a value in it: {names}"
    return None


def _paths(spec: StudySpec) -> Iterator[str]:
    keyed = [("parameters", path) for path in spec.parameters]
    keyed += [("overrides", path) for path in spec.overrides]
    keyed += _overridden(spec)
    for key, path in keyed:
        problem = path_problem(path)
        if problem:
            yield f"{key}.{path}: {problem}"
        elif path == "seed":
            advice = "set search.seed or replicate.first_seed"
            yield f"{key}.{path}: the study sets the seeds; {advice}"
        elif path.startswith("data.") and path != "data.augment" and key != "overrides":
            yield (
                f"{key}.{path}: every arm must see the same data and split, or they cannot be "
                "compared; set it in the base config"
            )
    for name, paths in spec.baselines.items():
        if "base" in paths and not isinstance(paths["base"], str):
            given = paths["base"]
            yield f"baselines.{name}.base: must be the path of a config file, given {given!r}"


def _conditions(spec: StudySpec) -> Iterator[str]:
    for path, parameter in spec.parameters.items():
        for other, wanted in parameter.when.items():
            key = f"parameters.{path}.when.{other}"
            if other not in spec.parameters:
                yield f"{key}: must name a parameter{suggestion(other, spec.parameters)}"
            elif not spec.parameters[other].can_be(wanted):
                range_ = spec.parameters[other].describe()
                yield f"{key}: must be a value that {other} can take ({range_}), given {wanted!r}"
    if any(path in _needs(spec, path) for path in spec.parameters):
        circle = next(path for path in spec.parameters if path in _needs(spec, path))
        yield f"parameters.{circle}.when: depends on itself; conditions must not form a circle"


def _needs(spec: StudySpec, path: str) -> set[str]:
    """Returns every parameter that decides, directly or not, whether ``path`` is searched."""
    found: set[str] = set()
    waiting = list(spec.parameters[path].when)
    while waiting:
        other = waiting.pop()
        if other in spec.parameters and other not in found:
            found.add(other)
            waiting += spec.parameters[other].when
    return found


def _metric(spec: StudySpec) -> Iterator[str]:
    """Checks that a user's metric is declared, with its direction, if searches optimise it."""
    if spec.metric.name in METRICS:
        return
    name = spec.metric.name.removeprefix("val/")
    if name not in spec.metrics:
        yield f"metric.name: must be val/NAME of a key of metrics{suggestion(name, spec.metrics)}"
        return
    if condition_of(spec.metrics[name].function) is not None:
        yield f"metric.name: metrics.{name} is measured on test data, which no search may see"
        return
    expected = "max" if spec.metrics[name].better == "higher" else "min"
    if spec.metric.mode != expected:
        better = spec.metrics[name].better
        yield f"metric.mode: must be {expected}, since metrics.{name} is better {better}"


def _sizes(spec: StudySpec) -> Iterator[str]:
    counts = [
        len(factor) if _has_levels(factor) else 1 for factor in spec.ablation.factors.values()
    ]
    combinations = sum(counts)
    if "add_one_in" in spec.ablation.design:
        combinations += len(counts) + 1
    if "factorial" in spec.ablation.design:
        product = math.prod(count + 1 for count in counts)
        combinations += product
        if combinations > MAX_ARMS:
            size = f"{product:,}"
            if max(counts) == 1:
                size = f"2^{len(counts)} = {size}"
            yield (
                f"ablation.design: factorial over {len(counts)} factors is {size} arms, and at "
                f"most {MAX_ARMS} are allowed; give fewer factors, or leave_one_out"
            )
            return
    arms = 1 + combinations * (1 + len(spec.ablation.cross)) + len(spec.baselines)
    trials = arms * spec.replicate.seeds
    if spec.search and spec.tuned:
        searched = spec.search.trials * spec.search.seeds
        trials = arms * spec.search.repeats * (spec.replicate.seeds + searched)
    if arms > MAX_ARMS or trials > MAX_TRIALS:
        yield (
            f"the study has {arms:,} arms and {trials:,} trials; "
            f"at most {MAX_ARMS} and {MAX_TRIALS:,} are allowed"
        )

"""Users' own code in a study: tried once for every arm before anything starts, and named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eisnn.config.code_digests import notes as notes_of
from eisnn.config.sections.train import FREE_OPTIONS
from eisnn.config.trial import TrialConfig, resolved
from eisnn.config.user_code import UserCodeError, find, is_reference
from eisnn.config.yaml_file import ConfigError
from eisnn.errors import DataError
from study.plan import Arm, Plan


def check(plan: Plan, where: str) -> None:
    """Builds each network of the user's once, shows it two images, and reads their dataset.

    Costs nothing where there is no such code.

    Raises:
        ConfigError: what is wrong with it, a line per problem.
    """
    lines: dict[str, None] = {}
    seen: list[Any] = []
    for arm in plan.arms:
        for config in _configs(arm):
            parts = (config.model, config.data, config.train.optimizer, config.train.loss)
            if config.code and parts not in seen:
                seen.append(parts)
                lines |= dict.fromkeys(_problem(config, f"{where}: arm {arm.name}"))
    second = plan.spec.second_objective
    if second is not None and second.name in ("macs", "acs", "energy_nj", "rate_to_break_even"):
        for arm in plan.arms:
            if any(config.model.own_layers for config in _configs(arm)):
                lines[
                    f"{where}: second_objective.name: {second.name} is not counted where layers "
                    f"are yours, as in arm {arm.name}"
                ] = None
    for error in _not_found(plan):
        lines[f"{where}: {error}"] = None
    if lines:
        raise ConfigError("\n".join(lines))


def _not_found(plan: Plan) -> Iterator[UserCodeError]:
    """Looks for the study's diagnostics and metrics, where they are the user's."""
    asked = {f"metrics.{name}": metric.function for name, metric in plan.spec.metrics.items()}
    for key, function in {"diagnostics": plan.spec.diagnostics, **asked}.items():
        if is_reference(function):
            try:
                find(function, key)
            except UserCodeError as error:
                yield error


def _configs(arm: Arm) -> Iterator[TrialConfig]:
    """The arm's config, and one for each choice of a parameter that names code or its options."""
    names = [
        path
        for path in arm.space
        if path in ("model.factory", "model.norm", "train.optimizer", "train.loss")
        or path.startswith(FREE_OPTIONS)
    ]
    some = {path: arm.space[path].ends()[0] for path in names}
    yield arm.config(some, 0)
    for path in names:
        for value in arm.space[path].ends()[1:]:
            yield arm.config({**some, path: value}, 0)


def _problem(config: TrialConfig, where: str) -> Iterator[str]:
    from eisnn.training.own_code import (
        check as tried,
    )  # loads torch, which a study without such code does not pay for here

    try:
        tried(config)
    except (UserCodeError, DataError) as error:
        yield f"{where}: {error}"


def notes(plan: Plan) -> list[str]:
    """A line for each piece of code that is going to run."""
    also = {
        f"metrics.{name}": metric.function
        for name, metric in plan.spec.metrics.items()
        if is_reference(metric.function)
    }
    if is_reference(plan.spec.diagnostics):
        also["diagnostics"] = plan.spec.diagnostics
    trees = [resolved(config) for arm in plan.arms for config in _configs(arm) if config.code]
    return list(
        dict.fromkeys(
            note for tree in trees or [{"model": {}, "data": {}}] for note in notes_of(tree, also)
        )
    )

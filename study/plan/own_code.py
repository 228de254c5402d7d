"""Users' own code in a study: tries it once per arm before anything starts, and names it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from eisnn.config.code_digests import notes as notes_of
from eisnn.config.sections.train import FREE_OPTIONS
from eisnn.config.trial import TrialConfig, resolved
from eisnn.config.user_code import UserCodeError, find, is_reference
from eisnn.errors import ConfigError, DataError
from study.plan import Arm, Plan


def check(plan: Plan, where: str) -> None:
    """Builds each of the user's networks once, shows it two images, and reads their dataset.

    Costs nothing without such code.

    Raises:
        ConfigError: one line per problem with the code.
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
                    f"{where}: second_objective.name: {second.name} cannot be counted in layers of "
                    f"your own, which arm {arm.name} has"
                ] = None
    for error in _not_found(plan):
        lines[f"{where}: {error}"] = None
    if lines:
        raise ConfigError("\n".join(lines))


def _not_found(plan: Plan) -> Iterator[UserCodeError]:
    """Yields an error for each of the user's diagnostics and metrics that cannot be found."""
    asked = {f"metrics.{name}": metric.function for name, metric in plan.spec.metrics.items()}
    for key, function in {"diagnostics": plan.spec.diagnostics, **asked}.items():
        if is_reference(function):
            try:
                find(function, key)
            except UserCodeError as error:
                yield error


def _configs(arm: Arm) -> Iterator[TrialConfig]:
    """Yields the arm's config, and one for each choice of a parameter that concerns users' code."""
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
    from eisnn.training import own_code  # loads torch, which only studies with such code need here

    try:
        own_code.check(config)
    except (UserCodeError, DataError) as error:
        yield f"{where}: {error}"


def notes(plan: Plan) -> list[str]:
    """Returns one line for each piece of users' code that the study will run."""
    also = {
        f"metrics.{name}": metric.function
        for name, metric in plan.spec.metrics.items()
        if is_reference(metric.function)
    }
    if is_reference(plan.spec.diagnostics):
        also["diagnostics"] = plan.spec.diagnostics
    trees: list[dict[str, Any]] = []
    for arm in plan.arms:
        trees += (resolved(config) for config in _configs(arm) if config.code)
    lines: dict[str, None] = {}
    for tree in trees or [{"model": {}, "data": {}}]:
        lines |= dict.fromkeys(notes_of(tree, also))
    return list(lines)

"""One arm of a study: its config, and the points of its search space. Pure: nothing is trained."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eisnn.config.trial import TrialConfig, make_config, trial_id
from eisnn.config.yaml_file import set_path
from eisnn.errors import ConfigError
from study.spec.parameter import Parameter, same


@dataclass(frozen=True)
class Corner:
    """Values at the ends of one or two parameters, and all the values that these need."""

    given: dict[str, Any]
    values: dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One thing compared: a base config, overrides, and a search space.

    ``tree`` is the base with the study's and the arm's overrides applied, without the values of
    searched parameters. ``left_out`` gives the reason why the arm does not search a parameter.
    ``levels`` gives the level of each factor that differs from the reference.
    """

    name: str
    role: str  # reference | ablation | baseline
    base: str
    overrides: dict[str, Any]
    tree: dict[str, Any] = field(default_factory=dict)
    factors: tuple[str, ...] = ()
    levels: dict[str, str] = field(default_factory=dict)
    crossed: str | None = None  # the baseline that the factors were crossed with
    space: dict[str, Parameter] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    tuned: bool = False

    def config(self, parameters: Mapping[str, Any], seed: int) -> TrialConfig:
        """Returns the config of one trial.

        Raises:
            ConfigError: these values cannot be combined.
        """
        tree = copy.deepcopy(self.tree)
        for path, value in parameters.items():
            set_path(tree, path, value)
        tree["seed"] = seed
        return make_config(tree, f"arm {self.name}")

    def identity(self, parameters: Mapping[str, Any], seed: int) -> str | None:
        """Returns the id of one trial; None if these values cannot be combined."""
        try:
            return trial_id(self.config(parameters, seed))
        except ConfigError:
            return None

    def active(self, values: Mapping[str, Any]) -> Iterator[str]:
        """Yields the searched paths whose conditions ``values`` meet.

        The caller may fill ``values`` between two paths.
        """
        for path, parameter in self.space.items():
            if _met(parameter, values):
                yield path

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Returns whether ``values`` are a point of this arm's search space."""
        if any(path not in self.space for path in values):
            return False
        if list(self.active(values)) != [path for path in self.space if path in values]:
            return False
        return all(self.space[path].can_be(value) for path, value in values.items())

    @property
    def is_finite(self) -> bool:
        """Whether the points of the search space can be listed."""
        return all(parameter.is_finite for parameter in self.space.values())

    def grid(self) -> list[dict[str, Any]]:
        """Returns every point of a finite search space, in the file's order."""
        return list(self._points(list(self.space), {}))

    def trials(self, seed: int, limit: int) -> list[dict[str, Any]]:
        """Returns the first ``limit`` points of a finite space that give different trials."""
        found: dict[str, dict[str, Any]] = {}
        for point in self._points(list(self.space), {}):
            identity = self.identity(point, seed)
            if identity is not None:
                found.setdefault(identity, point)
            if len(found) == limit:
                break
        return list(found.values())

    def corners(self, *, pairs: bool, among: str | tuple[str, ...] = "") -> Iterator[Corner]:
        """Yields the ends and choices of each parameter; with ``pairs``, also of every two.

        Only parameters whose path begins with ``among`` count.
        """
        singles: list[tuple[str, Any]] = []
        for path, parameter in self.space.items():
            if path.startswith(among):
                singles += ((path, value) for value in parameter.ends())
        groups: list[tuple[tuple[str, Any], ...]] = [(single,) for single in singles]
        if pairs:
            groups += itertools.combinations(singles, 2)
        for group in groups:
            given = dict(group)
            values = dict(given)
            for path in given:
                values.update(self._requirements(path))
            agree = all(same(values[path], value) for path, value in group)
            if agree and len(given) == len(group):
                yield Corner(given, values)

    def _requirements(self, path: str) -> dict[str, Any]:
        """Returns the values of other parameters under which ``path`` is searched."""
        needed: dict[str, Any] = {}
        for other, wanted in self.space[path].when.items():
            needed.update(self._requirements(other))
            needed[other] = wanted
        return needed

    def _points(self, paths: list[str], point: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields ``point`` with every combination of values of the remaining ``paths``."""
        if not paths:
            yield point
            return
        path, *others = paths
        parameter = self.space[path]
        if not _met(parameter, point):
            yield from self._points(others, point)
            return
        for index in range(parameter.count):
            yield from self._points(others, {**point, path: parameter.value_at(index)})


def _met(parameter: Parameter, values: Mapping[str, Any]) -> bool:
    """Returns whether ``values`` meet the parameter's conditions."""
    return all(
        other in values and same(values[other], wanted) for other, wanted in parameter.when.items()
    )

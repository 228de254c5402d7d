"""A study's plan: its arms with every value checked, its seeds and its counts. Writes nothing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import eisnn
from eisnn.config.trial import has_part, make_config, resolved
from eisnn.config.yaml_file import parse_yaml, read_yaml, set_path
from eisnn.errors import ConfigError
from study.plan import designs
from study.plan.arm import Arm
from study.plan.checks import problems
from study.plan.names import content
from study.plan.space import norm, space
from study.spec.models import StudySpec


@dataclass(frozen=True)
class Plan:
    """A study's arms in the order of the file: the reference, its ablations, the baselines."""

    spec: StudySpec
    arms: tuple[Arm, ...]
    bases: dict[str, str]  # each base config's text, by the path given for it
    folders: tuple[str, ...] = ()  # searched for users' own code
    where: str = "study"  # the study file, for messages

    @cached_property
    def by_name(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.arms}

    @property
    def reference(self) -> Arm:
        return self.arms[0]

    @cached_property
    def baseline(self) -> Arm:
        """The arm that reports compare every other arm with, besides the reference.

        Without ``report.baseline`` it is the reference itself, since every further comparison makes
        the others harder to show.
        """
        return self.by_name[self.spec.report.baseline or self.reference.name]

    @property
    def repeats(self) -> int:
        """How many whole searches each tuned arm has; 1 if nothing is searched."""
        search = self.spec.search
        return search.repeats if search and self.spec.tuned else 1

    @property
    def most_repeats(self) -> int:
        """How many repeats an arm can come to have, if its verdict stays open."""
        search = self.spec.search
        return search.largest if search and self.spec.tuned else 1

    @property
    def grows_by_repeats(self) -> bool:
        """Whether an open verdict asks for more repeats."""
        return self.most_repeats > self.repeats

    @cached_property
    def seeds(self) -> list[int]:
        """The replicates' seeds of the first repeat."""
        return self.seeds_of(0)

    def seeds_of(self, repeat: int) -> list[int]:
        """Returns the seeds of one repeat's replicates, which all arms share."""
        return [self.seed(repeat, index) for index in range(self.spec.replicate.seeds)]

    def seed(self, repeat: int, index: int) -> int:
        """Returns the seed of one replicate; ``until: decided`` may ask for more than planned."""
        return self.spec.replicate.seed(repeat, index)

    def search_seed(self, repeat: int, index: int = 0) -> int:
        """Returns training seed number ``index``, below search.seeds, of one repeat's search."""
        assert self.spec.search is not None
        return self.spec.search.training_seed(repeat, index)

    def search_trials(self, arm: Arm) -> int:
        """Returns how many search trials an arm has at most per repeat, counting each seed."""
        return self.proposals(arm) * self.search_seeds

    @property
    def search_seeds(self) -> int:
        """How many seeds a search trains each configuration with."""
        return self.spec.search.seeds if self.spec.search else 1

    def proposals(self, arm: Arm) -> int:
        """Returns how many configurations an arm's search tries in each repeat.

        The number is the same for every tuned arm, except for finite spaces with fewer different
        trials, which are searched whole.
        """
        return self._proposals[arm.name]

    @cached_property
    def _proposals(self) -> dict[str, int]:
        search, counts = self.spec.search, dict.fromkeys(self.by_name, 0)
        for arm in self.arms:
            if search is None or not arm.tuned:
                continue
            counts[arm.name] = search.trials
            if arm.is_finite:
                counts[arm.name] = len(arm.trials(search.seed, search.trials))
        return counts

    @cached_property
    def contents(self) -> dict[str, str]:
        """What identifies each arm's search (see `study.plan.names`), by the arm's name."""
        return {arm.name: content(self.spec, arm) for arm in self.arms}

    def search_mark(self, arm: Arm, repeat: int) -> str:
        """Returns the end of a search's name, which does not depend on the arm's name."""
        return self.contents[arm.name] + (f"-r{repeat}" if repeat else "")

    @cached_property
    def search_names(self) -> set[str]:
        """The names of the Optuna studies of all searches."""
        names: set[str] = set()
        for arm in self.arms:
            if arm.tuned:
                marks = (self.search_mark(arm, repeat) for repeat in range(self.most_repeats))
                names |= {f"{arm.name}-{mark}" for mark in marks}
        return names

    @property
    def total_search(self) -> int:
        """The search trials of all arms and repeats."""
        return self.repeats * sum(self._proposals.values()) * self.search_seeds

    @property
    def total_replicates(self) -> int:
        """The replicates of all arms and repeats."""
        return self.repeats * len(self.arms) * len(self.seeds)

    @property
    def trials(self) -> int:
        """All trials that the study file asks for."""
        return self.total_search + self.total_replicates

    def epochs(self, arm: Arm) -> int:
        return arm.config({}, 0).train.epochs


def make_plan(spec: StudySpec, where: str, bases: Mapping[str, str] | None = None) -> Plan:
    """Makes the plan, and checks every value against the network that it configures.

    ``where`` is the study file, for messages and for finding bases. ``bases`` holds texts kept from
    an earlier run, which replace the files.

    Raises:
        ConfigError: one line per problem.
    """
    texts = _texts(spec, where, bases or {})
    trees = {name: parse_yaml(text, name) for name, text in texts.items()}
    for name, tree in trees.items():
        make_config(tree, name)
    arms: list[Arm] = []
    lines: list[str] = []
    for arm in designs.arms(spec):
        try:
            arms.append(_complete(arm, trees[arm.base], spec, where))
        except ConfigError as error:
            lines += str(error).splitlines()
    if not lines:  # the further checks need all arms
        lines = [f"{where}: {line}" for line in problems(spec, arms)]
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return Plan(spec, tuple(arms), texts, where=where)


def _texts(spec: StudySpec, where: str, kept: Mapping[str, str]) -> dict[str, str]:
    """Returns each base config's text, by the path given for it."""
    others = [str(given["base"]) for given in spec.baselines.values() if "base" in given]
    texts: dict[str, str] = {}
    for name in dict.fromkeys([spec.base, *others]):
        if name in kept:
            texts[name] = kept[name]
        else:
            texts[name] = find_base(name, where).read_text("utf-8")
    return texts


def find_base(name: str, where: str) -> Path:
    """Finds a base config: relative to the current folder, to the study file, or to the package.

    Raises:
        ConfigError: there is no such file, or it is no mapping.
    """
    package = Path(eisnn.__file__).parent.parent
    for root in (Path(), Path(where).parent, package):
        if (root / name).is_file():
            read_yaml(root / name)  # so that an error names the file's whole path
            return root / name
    raise ConfigError(
        f"{where}: base: {name}: no such file in {Path().absolute()}, beside the study file, "
        f"or in {package}"
    )


def _complete(arm: Arm, base: dict[str, Any], spec: StudySpec, where: str) -> Arm:
    """Returns the arm with its tree and search space.

    Checks the overrides one by one, so that messages name the key.
    """
    tree = copy.deepcopy(base)
    for path, value in spec.overrides.items():
        set_path(tree, path, value)
    if spec.overrides:
        make_config(tree, f"{where}: overrides")
    for path, value in arm.overrides.items():
        set_path(tree, path, value)
    config = resolved(make_config(tree, f"{where}: {_key(arm)}"))
    for path in arm.overrides:
        if not has_part(config, path):
            raise ConfigError(
                f"{where}: {_key(arm)}.{path}: has no effect, since this arm's network "
                f"({norm(config)}) has no such part"
            )
    searched, left_out = space(spec.parameters, arm.overrides, config)
    is_tuned = spec.tuned and bool(searched)
    is_tuned = is_tuned and (spec.tune == "each" or arm.role == "reference")
    return replace(arm, tree=tree, space=searched, left_out=left_out, tuned=is_tuned)


def _key(arm: Arm) -> str:
    """Returns the key in the study file that describes an arm."""
    if arm.role == "ablation":
        return "ablation.factors." + "+".join(arm.factors)
    if arm.role == "baseline":
        return f"baselines.{arm.crossed or arm.name}"
    return "base"

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
from eisnn.config.yaml_file import ConfigError, parse_yaml, read_yaml, set_path
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
    folders: tuple[str, ...] = ()  # where users' own code is looked for
    where: str = "study"  # the study file, for messages

    @cached_property
    def by_name(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.arms}

    @property
    def reference(self) -> Arm:
        return self.arms[0]

    @cached_property
    def baseline(self) -> Arm:
        """The arm that reports compare every other one with besides the reference.

        Without ``report.baseline`` there is none but the reference, since every further comparison
        makes each of them harder to show.
        """
        return self.by_name[self.spec.report.baseline or self.reference.name]

    @property
    def repeats(self) -> int:
        """How many whole searches each tuned arm has; 1 where nothing is searched."""
        return self.spec.search.repeats if self.spec.search and self.spec.tuned else 1

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
        """The replicates' seeds of one repeat: the same for every arm, others in each repeat."""
        return [self.seed(repeat, index) for index in range(self.spec.replicate.seeds)]

    def seed(self, repeat: int, index: int) -> int:
        """The seed of one replicate; ``index`` passes ``seeds`` where an open verdict asks more."""
        return self.spec.replicate.seed(repeat, index)

    def search_seed(self, repeat: int, index: int = 0) -> int:
        """A training seed of one repeat's search trials; ``index`` counts up to search.seeds."""
        assert self.spec.search is not None
        return self.spec.search.training_seed(repeat, index)

    def search_trials(self, arm: Arm) -> int:
        """How many search trials an arm has in each repeat at most: its configurations' seeds."""
        return self.proposals(arm) * self.search_seeds

    @property
    def search_seeds(self) -> int:
        """From how many seeds a search trains each configuration."""
        return self.spec.search.seeds if self.spec.search else 1

    def proposals(self, arm: Arm) -> int:
        """How many configurations an arm's search tries in each repeat.

        The same for every tuned arm, but for a finite space with fewer different trials, which is
        searched whole.
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
        """What tells each arm's search from others, by the arm's name."""
        return {arm.name: content(self.spec, arm) for arm in self.arms}

    def search_mark(self, arm: Arm, repeat: int) -> str:
        """How the name of one of the arm's searches ends, whatever the arm is called."""
        return self.contents[arm.name] + (f"-r{repeat}" if repeat else "")

    @cached_property
    def search_names(self) -> set[str]:
        """The names of the Optuna studies of all searches."""
        return {
            f"{arm.name}-{self.search_mark(arm, repeat)}"
            for arm in self.arms
            for repeat in range(self.most_repeats)
            if arm.tuned
        }

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
    """The study's arms, with every value checked against the network that it configures.

    ``where`` is the study file, for messages and for finding bases; ``bases`` are texts kept from
    an earlier run, which win.

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
    lines += [f"{where}: {line}" for line in problems(spec, arms)] if not lines else []
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return Plan(spec, tuple(arms), texts, where=where)


def _texts(spec: StudySpec, where: str, kept: Mapping[str, str]) -> dict[str, str]:
    """Each base config's text, by the path given for it."""
    others = [str(given["base"]) for given in spec.baselines.values() if "base" in given]
    texts: dict[str, str] = {}
    for name in dict.fromkeys([spec.base, *others]):
        texts[name] = kept[name] if name in kept else find_base(name, where).read_text("utf-8")
    return texts


def find_base(name: str, where: str) -> Path:
    """A base config: relative to the current folder, else to the study file, else packaged."""
    package = Path(eisnn.__file__).parent.parent
    for root in (Path(), Path(where).parent, package):
        if (root / name).is_file():
            read_yaml(root / name)  # not a config at all: say so with its path
            return root / name
    raise ConfigError(
        f"{where}: base: {name}: no such file in {Path().absolute()}, beside the study file, "
        f"or in {package}"
    )


def _complete(arm: Arm, base: dict[str, Any], spec: StudySpec, where: str) -> Arm:
    """The arm with its tree and its search space.

    Its overrides are checked one by one, so that messages name the key.
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
                f"{where}: {_key(arm)}.{path}: has no effect: this arm's network ({norm(config)}) "
                "has no such part"
            )
    searched, left_out = space(spec.parameters, arm.overrides, config)
    is_tuned = spec.tuned and bool(searched)
    is_tuned = is_tuned and (spec.tune == "each" or arm.role == "reference")
    return replace(arm, tree=tree, space=searched, left_out=left_out, tuned=is_tuned)


def _key(arm: Arm) -> str:
    """Where in the study file an arm is described."""
    if arm.role == "ablation":
        return "ablation.factors." + "+".join(arm.factors)
    if arm.role == "baseline":
        return f"baselines.{arm.crossed or arm.name}"
    return "base"

"""From a study file to its arms, and from an arm to the configs of its trials. Pure: nothing is trained, nothing is written.

An arm is a base config, overrides, and a search space. A factor's override pins its path, so that this parameter leaves that
arm's space; so does a parameter of a part that the arm's network does not have.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import eisnn
from eisnn.config.trial import NUMERICS_VERSION, TrialConfig, make_config, resolved
from eisnn.config.user_code import is_reference
from eisnn.config.yaml_file import ConfigError, parse_yaml, read_yaml, set_path
from study.plan.checks import problems
from study.spec.models import Parameter, StudySpec


@dataclass(frozen=True)
class Arm:
    """One thing compared. ``tree`` is the base with the study's and the arm's overrides in it, before any parameter's value.

    ``left_out`` says for each parameter of the study that is not searched here, why.
    """

    name: str
    role: str  # reference | ablation | baseline
    base: str
    overrides: dict[str, Any]
    tree: dict[str, Any]
    factors: tuple[str, ...] = ()
    space: dict[str, Parameter] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    tuned: bool = False

    def config(self, parameters: Mapping[str, Any], seed: int) -> TrialConfig:
        """The config of one trial.

        Raises:
            ConfigError: these values do not go together.
        """
        tree = copy.deepcopy(self.tree)
        for path, value in parameters.items():
            set_path(tree, path, value)
        tree["seed"] = seed
        return make_config(tree, f"arm {self.name}")

    def active(self, values: Mapping[str, Any]) -> Iterator[str]:
        """The searched paths whose conditions ``values`` meet. ``values`` may be filled while this runs."""
        for path, parameter in self.space.items():
            if all(
                other in values and values[other] == wanted
                for other, wanted in parameter.when.items()
            ):
                yield path

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether ``values`` are a point of this arm's search space."""
        return list(self.active(values)) == [path for path in self.space if path in values] and all(
            path in self.space and self.space[path].can_be(value) for path, value in values.items()
        )

    def grid(self) -> list[dict[str, Any]]:
        """Every point of a finite search space, in the file's order."""
        points: list[dict[str, Any]] = [{}]
        for path, parameter in self.space.items():
            met = [
                all(point.get(other) == wanted for other, wanted in parameter.when.items())
                for point in points
            ]
            points = [
                {**point, path: value} if here else point
                for point, here in zip(points, met, strict=True)
                for value in (steps(parameter) if here else [None])
            ]
        return points


@dataclass(frozen=True)
class Plan:
    """A study's arms in the order of the file: the reference, its ablations, the baselines."""

    spec: StudySpec
    arms: tuple[Arm, ...]
    bases: dict[str, str]  # each base config's text, by the path given for it
    folders: tuple[str, ...] = ()  # where users' own code is looked for

    @cached_property
    def by_name(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.arms}

    @property
    def reference(self) -> Arm:
        return self.arms[0]

    @cached_property
    def baseline(self) -> Arm:
        """The arm that reports compare every other one with besides the reference: ``report.baseline``; without one, nothing but the
        reference, since every comparison more makes each of them harder to show."""
        return self.by_name[self.spec.report.baseline or self.reference.name]

    @cached_property
    def seeds(self) -> list[int]:
        replicate = self.spec.replicate
        return [replicate.first_seed + index for index in range(replicate.seeds)]

    def search_trials(self, arm: Arm) -> int:
        """How many search trials an arm has: the same for every tuned arm (a smaller grid is searched whole)."""
        if not arm.tuned or self.spec.search is None:
            return 0
        if self.spec.search.sampler != "grid":
            return self.spec.search.trials
        return min(self.spec.search.trials, len(arm.grid()))

    def epochs(self, arm: Arm) -> int:
        return arm.config({}, 0).train.epochs


def steps(parameter: Parameter) -> list[Any]:
    """The values of a parameter with choices or steps."""
    if parameter.choices is not None:
        return list(parameter.choices)
    assert parameter.low is not None
    assert parameter.high is not None
    step = parameter.step or 1
    count = int((parameter.high - parameter.low) / step + 1e-9) + 1
    values = [parameter.low + index * step for index in range(count)]
    return [int(value) for value in values] if parameter.type == "int" else values


def make_plan(spec: StudySpec, where: str, bases: Mapping[str, str] | None = None) -> Plan:
    """The study's arms, with every value checked against the network that it configures.

    ``where`` is the study file, for messages and for finding bases; ``bases`` are texts kept from an earlier run, which win.

    Raises:
        ConfigError: one line per problem.
    """
    names = dict.fromkeys(
        [spec.base, *(str(given["base"]) for given in spec.baselines.values() if "base" in given)]
    )
    texts = {
        name: bases[name] if bases and name in bases else find_base(name, where).read_text("utf-8")
        for name in names
    }
    trees = {name: parse_yaml(text, name) for name, text in texts.items()}
    for name, tree in trees.items():
        make_config(tree, name)
    arms, lines = [], []
    for arm in _arms(spec):
        try:
            arms.append(_complete(arm, trees[arm.base], spec, where))
        except ConfigError as error:
            lines += str(error).splitlines()
    lines += [f"{where}: {line}" for line in problems(spec, arms)] if not lines else []
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return Plan(spec, tuple(arms), texts)


def find_base(name: str, where: str) -> Path:
    """A base config: relative to the current directory, else to the study file, else to the installed package."""
    package = Path(eisnn.__file__).parent.parent
    for root in (Path(), Path(where).parent, package):
        if (root / name).is_file():
            read_yaml(root / name)  # not a config at all: say so with its path
            return root / name
    raise ConfigError(
        f"{where}: base: {name}: no such file in {Path().absolute()}, beside the study file, or in {package}"
    )


# ---- arms ---------------------------------------------------------------------------------------------------------------


def _arms(spec: StudySpec) -> Iterator[Arm]:
    yield Arm(spec.ablation.reference, "reference", spec.base, {}, {})
    for away in _subsets(spec):
        overrides = {
            path: value for factor in away for path, value in spec.ablation.factors[factor].items()
        }
        yield Arm(
            _ablation_name(away, tuple(spec.ablation.factors)),
            "ablation",
            spec.base,
            overrides,
            {},
            away,
        )
    for name, given in spec.baselines.items():
        overrides = {path: value for path, value in given.items() if path != "base"}
        yield Arm(name, "baseline", str(given.get("base", spec.base)), overrides, {})


def _subsets(spec: StudySpec) -> list[tuple[str, ...]]:
    """The sets of factors that are taken away together, each once, without the empty one (the reference)."""
    factors = tuple(spec.ablation.factors)
    found: dict[tuple[str, ...], None] = {}
    for design in spec.ablation.design:
        sizes = {
            "leave_one_out": [1],
            "add_one_in": [len(factors), len(factors) - 1],
            "factorial": range(len(factors) + 1),
        }
        for size in sizes[design]:
            found.update(dict.fromkeys(itertools.combinations(factors, max(size, 0))))
    found.pop((), None)
    return list(found)


def _ablation_name(away: tuple[str, ...], factors: tuple[str, ...]) -> str:
    if len(away) == 1:
        return f"no_{away[0]}"
    if len(away) == len(factors):
        return "no_factors"
    if len(away) == len(factors) - 1:
        return f"only_{next(factor for factor in factors if factor not in away)}"
    return "no_" + "+".join(away)


def _complete(arm: Arm, base: dict[str, Any], spec: StudySpec, where: str) -> Arm:
    """The arm with its tree and its search space; its overrides are checked one by one, so that messages name the key."""
    tree = copy.deepcopy(base)
    for path, value in spec.overrides.items():
        set_path(tree, path, value)
    if spec.overrides:
        make_config(tree, f"{where}: overrides")
    for path, value in arm.overrides.items():
        set_path(tree, path, value)
    config = resolved(make_config(tree, f"{where}: {_key(arm)}"))
    for path in arm.overrides:
        if not _has(config, path):
            raise ConfigError(
                f"{where}: {_key(arm)}.{path}: has no effect: this arm's network ({_norm(config)}) has no such part"
            )
    space, left_out = _space(spec.parameters, arm.overrides, config)
    tuned = spec.tuned and bool(space) and (spec.tune == "each" or arm.role == "reference")
    return Arm(
        arm.name, arm.role, arm.base, arm.overrides, tree, arm.factors, space, left_out, tuned
    )


def _key(arm: Arm) -> str:
    if arm.role == "ablation":
        return "ablation.factors." + "+".join(arm.factors)
    return f"baselines.{arm.name}" if arm.role == "baseline" else "base"


def _norm(config: Mapping[str, Any]) -> str:
    model = config["model"]
    return (
        f"model.factory: {model['factory']}"
        if "factory" in model
        else f"model.norm: {model['norm']}"
    )


def _has(tree: Any, path: str) -> bool:
    """Whether a resolved config has this part; that users' code can stand somewhere is always so, their options where it does."""
    if path == "model.factory":
        return True
    if path.startswith("model.options."):
        return "factory" in tree["model"] or is_reference(tree["model"]["norm"])
    for part in path.split("."):
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


def _value(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree[part]
    return tree


def _space(
    parameters: Mapping[str, Parameter], overrides: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[dict[str, Parameter], dict[str, str]]:
    """What this arm searches, each parameter after those that it depends on; and why each other one is left out."""
    space: dict[str, Parameter] = {}
    left_out: dict[str, str] = {}
    waiting = dict(parameters)
    while waiting:
        path = next(
            path for path in waiting if not any(other in waiting for other in waiting[path].when)
        )
        parameter = waiting.pop(path)
        fixed = {other: wanted for other, wanted in parameter.when.items() if other not in space}
        unmet = [
            o
            for o, wanted in fixed.items()
            if o in left_out and not (_has(config, o) and _value(config, o) == wanted)
        ]
        if path in overrides:
            left_out[path] = f"the arm fixes it at {overrides[path]}"
        elif not _has(config, path):
            left_out[path] = f"this network ({_norm(config)}) has no such part"
        elif unmet:
            left_out[path] = f"only searched when {unmet[0]} is {parameter.when[unmet[0]]}"
        else:
            conditions = {
                other: wanted for other, wanted in parameter.when.items() if other in space
            }
            space[path] = parameter.model_copy(update={"when": conditions})
    return space, left_out


# ---- records ------------------------------------------------------------------------------------------------------------


def fingerprint(plan: Plan, arm: Arm) -> str:
    """Eight hex digits that name an arm's search: what its trials have in common. Ranges may widen within one search."""
    search = plan.spec.search
    kinds = {path: [p.type, p.log, p.choices, p.when] for path, p in arm.space.items()}
    fixed = resolved(arm.config({}, search.seed if search else 0))
    second = [plan.spec.second_objective.model_dump()] if plan.spec.second_objective else []
    text = json.dumps(
        [NUMERICS_VERSION, fixed, plan.spec.metric.name, kinds, *second], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def search_name(plan: Plan, arm: Arm) -> str | None:
    """The name of the arm's Optuna study."""
    return f"{arm.name}-{fingerprint(plan, arm)}" if arm.tuned else None


def plan_record(plan: Plan) -> dict[str, Any]:
    """What ``plan.json`` holds: what the study file asks for now, for reports and for the next run."""
    spec = plan.spec
    return {
        "study": spec.name,
        "metric": spec.metric.model_dump(),
        "second_objective": spec.second_objective.model_dump() if spec.second_objective else None,
        "reference": plan.reference.name,
        "baseline": plan.baseline.name,
        "pairs": [list(pair) for pair in spec.report.pairs],
        "confidence": spec.report.confidence,
        "correction": spec.report.correction,
        "seeds": spec.replicate.seeds,
        "first_seed": spec.replicate.first_seed,
        "parameters": {
            path: parameter.model_dump(exclude_defaults=True)
            for path, parameter in spec.parameters.items()
        },
        "search": spec.search.model_dump() if spec.search and spec.tuned else None,
        "tune": spec.tune,
        "arms": [_arm_record(plan, arm) for arm in plan.arms],
        "factors": spec.ablation.factors,
        "design": list(spec.ablation.design),
        "numerics": NUMERICS_VERSION,
        "data": plan.reference.config({}, 0).data.model_dump(exclude={"root", "augment"}),
    }


def _arm_record(plan: Plan, arm: Arm) -> dict[str, Any]:
    return {
        "name": arm.name,
        "role": arm.role,
        "factors": list(arm.factors),
        "base": arm.base,
        "overrides": arm.overrides,
        "tuned": arm.tuned,
        "optuna_study": search_name(plan, arm),
        "search_trials": plan.search_trials(arm),
        "searched": list(arm.space),
        "left_out": arm.left_out,
        "epochs": plan.epochs(arm),
    }


def incomparable(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """What changed between two plans of one folder so that their trials must not be mixed; None if nothing did."""
    for key, what in (
        ("metric", "the metric"),
        ("data", "the data or their split"),
        ("numerics", "the version of the numerics"),
    ):
        if key in old and old[key] != new[key]:
            return f"{what} was {_plain(old[key])} and is now {_plain(new[key])}"
    return None


def _plain(value: Any) -> str:
    return (
        ", ".join(f"{key}: {item}" for key, item in value.items())
        if isinstance(value, Mapping)
        else str(value)
    )

"""A study file as a validated, frozen `StudySpec`. Every error is one line: file: dotted.key: what must hold, what was given.

What is checked here needs the study file alone; `study.plan` checks the values against the networks that they configure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from eisnn.config import Count, Fraction, Positive, Section, Value
from eisnn.sections import word_or_reference
from eisnn.yaml_file import ConfigError, explain, parse_yaml, read_yaml, scalar, set_keys
from study.spec_checks import MAX_TRIALS, problems

METRICS = {"val/accuracy": "max", "val/accuracy_best": "max", "val/loss": "min"}


def _word(value: Any) -> Any:
    return "off" if value is False else value


def _to_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _pair(value: Any) -> Any:
    if not (isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(name, str) for name in value)):
        raise ValueError(f"must be the names of two arms, such as [full, bn], given {str(value)[:80]}")
    return tuple(value)


def _share(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value != "auto" and not (number and value >= 0):
        raise ValueError(f"must be auto, 0, a fraction of one GPU, or a whole number of GPUs, given {value!r}")
    if number and value > 1 and value % 1:
        raise ValueError(f"must be at most 1 or a whole number of GPUs, given {value:g}")
    return value


Pair = Annotated[tuple[str, str], BeforeValidator(_pair)]
Logger = Literal["tensorboard", "mlflow", "wandb"]
Loggers = Annotated[tuple[Logger, ...], BeforeValidator(_to_tuple)]
Design = Literal["leave_one_out", "add_one_in", "factorial"]
Designs = Annotated[tuple[Design, ...], BeforeValidator(_to_tuple)]


class Parameter(Section):
    """One searched parameter: a range, or choices; ``when`` limits it to given values of other parameters."""

    type: Literal["float", "int", "categorical"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: Positive | None = None
    choices: list[Value] | None = None
    when: dict[str, Value] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _possible(self) -> Parameter:
        if self.type == "categorical":
            self._categorical()
        else:
            self._range()
        return self

    def _categorical(self) -> None:
        if not self.choices:
            raise ValueError(f"a categorical parameter needs choices: [..., ...], given {self.choices}")
        given = [name for name in ("low", "high", "step") if getattr(self, name) is not None] + ["log"] * self.log
        if given:
            raise ValueError(f"a categorical parameter has choices only, given {', '.join(given)} too")
        if any(choice in self.choices[:index] for index, choice in enumerate(self.choices)):
            raise ValueError(f"choices must differ from each other, given {self.choices}")

    def _range(self) -> None:
        if self.choices is not None:
            raise ValueError(f"choices are for type: categorical, given type: {self.type}")
        if self.low is None or self.high is None:
            raise ValueError(f"a parameter of type {self.type} needs low and high, given low: {self.low}, high: {self.high}")
        if not self.low < self.high:
            raise ValueError(f"low must be below high, given low: {self.low:g}, high: {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log: true needs low above 0, given low: {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError(f"log: true and step exclude each other, given step: {self.step:g}")
        if self.step is not None and self.step > self.high - self.low:
            raise ValueError(f"step must be at most high - low = {self.high - self.low:g}, given step: {self.step:g}")
        whole = [name for name in ("low", "high", "step") if (getattr(self, name) or 0) % 1]
        if self.type == "int" and whole:
            raise ValueError(f"{whole[0]} must be a whole number for type: int, given {getattr(self, whole[0]):g}")

    def values(self) -> list[Value]:
        """Every choice, or the two ends of the range."""
        if self.choices is not None:
            return self.choices
        assert self.low is not None
        assert self.high is not None
        return [int(self.low), int(self.high)] if self.type == "int" else [self.low, self.high]

    def can_be(self, value: Any) -> bool:
        if self.choices is not None:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and not (self.type == "int" and value % 1)


class Metric(Section):
    """What a search optimises: a validation metric of a trial's last epoch (or the best one so far)."""

    name: Literal["val/accuracy", "val/accuracy_best", "val/loss"] = "val/accuracy"
    mode: Literal["max", "min"] = "max"

    @model_validator(mode="after")
    def _direction(self) -> Metric:
        if METRICS[self.name] != self.mode:
            raise ValueError(f"mode must be {METRICS[self.name]} for {self.name}, given {self.mode}")
        return self


class SecondObjective(Section):
    """What searches minimise (or maximise) besides ``metric``: their trials then spread along the Pareto front of the two, which the report
    draws. An arm's configuration is still the one with the best ``metric``. Costs are of the trial's last epoch; energy is estimated."""

    name: Literal["energy_nj", "macs", "acs", "parameters", "firing_rate", "seconds_per_epoch", "peak_memory_mb"] = "energy_nj"
    mode: Literal["min", "max"] = "min"


class Pruner(Section):
    """Stops search trials that fall behind: Optuna's pruners. Epochs count from 1."""

    type: Literal["none", "asha", "hyperband", "median"] = "none"
    grace_epochs: Count = 1  # never stopped before
    reduction_factor: Annotated[int, Field(ge=2)] = 3  # asha, hyperband
    startup_trials: Count = 4  # median: so many trials must have completed


class Search(Section):
    """The budget of one arm's search and how Optuna proposes. ``startup``: random proposals before tpe or gp begin to learn."""

    sampler: Literal["tpe", "random", "gp", "grid"] = "tpe"
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    startup: Count = 5
    pruner: Pruner = Pruner()
    diverged: Literal["fail", "worst"] = "fail"  # what Optuna is told of a diverged trial: FAIL, or the worst value
    points: list[dict[str, Value]] = Field(default_factory=list)


class Ablation(Section):
    """``factors``: for each, the override that takes it away from the reference network."""

    reference: str = "full"
    design: Designs = ("leave_one_out",)
    factors: dict[str, dict[str, Value]] = Field(default_factory=dict)


class Replicate(Section):
    """Fresh seeds ``first_seed``, ``first_seed + 1``, ...: the same ones for every arm, so that differences pair."""

    seeds: Annotated[int, Field(ge=0, le=10_000)] = 5
    first_seed: Annotated[int, Field(ge=0, lt=2**31 - 10_000)] = 1000


class Resources(Section):
    """The share of one trial. ``gpu: auto`` is one whole GPU where there is one, else the CPU."""

    cpu: Positive = 1.0
    gpu: Annotated[Any, BeforeValidator(_share)] = "auto"
    memory_gb: Positive | None = None  # CPU: a trial over it ends as out_of_memory


class Budget(Section):
    """Limits of the whole study, over all its runs; replicates are served before search spends the rest."""

    hours: Positive | None = None
    trials: Count | None = None
    epochs: Count | None = None


class Retry(Section):
    """How often a trial is tried again within a run, by cause. An exception raised by our code is never tried again."""

    dead_worker: Annotated[int, Field(ge=0, le=100)] = 2
    out_of_memory: Annotated[int, Field(ge=0, le=1)] = 1  # alone on the machine


class ReportSpec(Section):
    """What the report compares with, and how sure it is. ``baseline``: the arm that all others are compared with besides the reference;
    none unless given. ``pairs``: further comparisons, each (arm - other), a family of their own."""

    baseline: str | None = None
    pairs: Annotated[tuple[Pair, ...], BeforeValidator(_to_tuple)] = ()
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    correction: Literal["holm", "bonferroni", "none"] = "holm"


class StudySpec(Section):
    """The whole study file. ``overrides`` apply to the base of every arm."""

    name: str
    base: str
    overrides: dict[str, Value] = Field(default_factory=dict)
    metric: Metric = Metric()
    second_objective: SecondObjective | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    search: Search | None = None
    ablation: Ablation = Ablation()
    baselines: dict[str, dict[str, Value]] = Field(default_factory=dict)
    tune: Literal["each", "reference", "none"] = "each"
    replicate: Replicate = Replicate()
    resources: Resources = Resources()
    budget: Budget = Budget()
    retry: Retry = Retry()
    max_failed: Fraction = 0.5
    report: ReportSpec = ReportSpec()
    diagnostics: Annotated[word_or_reference("off", "scalars", "distributions"), BeforeValidator(_word)] = "off"  # type: ignore[valid-type]
    loggers: Loggers = ()  # who else hears of every epoch; each needs the extra of its name

    @property
    def objectives(self) -> dict[str, str]:
        """What a search optimises: max or min, by name."""
        second = self.second_objective
        return {self.metric.name: self.metric.mode} | ({second.name: second.mode} if second else {})

    @property
    def tuned(self) -> bool:
        return self.tune != "none" and self.search is not None and bool(self.parameters)


def load_spec(path: str | Path, sets: Mapping[str, Any] | None = None) -> StudySpec:
    """The study in the file at ``path``, with the command line's ``--set`` values put over it.

    Raises:
        ConfigError: one line per problem.
    """
    return make_spec(read_yaml(path), str(path), sets)


def parse_spec(text: str, where: str, sets: Mapping[str, Any] | None = None) -> StudySpec:
    return make_spec(parse_yaml(text, where), where, sets)


def make_spec(tree: dict[str, Any], where: str, sets: Mapping[str, Any] | None = None) -> StudySpec:
    for key, value in (sets or {}).items():
        set_key(tree, key, value)
    try:
        spec = StudySpec.model_validate(tree)
    except ValidationError as error:
        raise explain(error, StudySpec, where) from None
    lines = [f"{where}: {line}" for line in problems(spec)]
    if lines:
        raise ConfigError("\n".join(dict.fromkeys(lines)))
    return spec


def parse_set(text: str) -> tuple[str, Any]:
    """``key=value`` of the command line."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: must be key=value, such as search.trials=4")
    return key.strip(), scalar(value, f"--set {key.strip()}")


def set_key(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Sets a key of the study file. Keys may hold dots themselves (``parameters.train.learning_rate.low``): a key that is
    there wins over splitting it, and below ``parameters``, ``overrides``, factors and baselines the rest is one key."""
    match = re.match(r"(overrides|baselines\.[^.]+|ablation\.factors\.[^.]+)\.(.+)", dotted)
    parents = match[1].split(".") if match else []
    rest = match[2] if match else dotted
    if not match and (match := re.match(r"(parameters)\.(.+)\.(type|low|high|log|step|choices|when)$", dotted)):
        parents, rest = [match[1], match[2]], match[3]
    elif not match:
        *parents, rest = dotted.split(".")
    set_keys(tree, [*parents, rest], value)

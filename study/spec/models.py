"""A study file as a validated, frozen `StudySpec`. Every error is one line: file: dotted.key: what must hold, what was given.

What is checked here needs the study file alone; `study.plan.plan` checks the values against the networks that they configure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator

from eisnn.config.sections import word_or_reference
from eisnn.config.trial import Count, Fraction, Positive, Section, TrialConfig, Value
from eisnn.config.yaml_file import ConfigError, explain, parse_yaml, read_yaml, scalar, set_keys
from study.spec.checks import MAX_TRIALS, problems
from study.spec.parameter import Parameter

METRICS = {"val/accuracy": "max", "val/accuracy_best": "max", "val/loss": "min"}


def _word(value: Any) -> Any:
    return "off" if value is False else value


def _to_tuple(value: Any) -> Any:
    return (
        (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    )


def _one_or_list(words: tuple[str, ...]) -> dict[str, Any]:
    """JSON Schema of one of the words, or a list of them."""
    one = {"enum": list(words)}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _pair(value: Any) -> Any:
    if not (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(name, str) for name in value)
    ):
        raise ValueError(
            f"must be the names of two arms, such as [full, bn], given {str(value)[:80]}"
        )
    return tuple(value)


def _share(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value != "auto" and not (number and value >= 0):
        raise ValueError(
            f"must be auto, 0, a fraction of one GPU, or a whole number of GPUs, given {value!r}"
        )
    if number and value > 1 and value % 1:
        raise ValueError(f"must be at most 1 or a whole number of GPUs, given {value:g}")
    return value


Pair = Annotated[tuple[str, str], BeforeValidator(_pair)]
Logger = Literal["tensorboard", "mlflow", "wandb"]
Loggers = Annotated[
    tuple[Logger, ...], BeforeValidator(_to_tuple), WithJsonSchema(_one_or_list(get_args(Logger)))
]
Design = Literal["leave_one_out", "add_one_in", "factorial"]
Designs = Annotated[
    tuple[Design, ...], BeforeValidator(_to_tuple), WithJsonSchema(_one_or_list(get_args(Design)))
]


SHARE_SCHEMA = {"anyOf": [{"enum": ["auto"]}, {"type": "number", "minimum": 0}]}


class Metric(Section):
    """What a search optimises: a validation metric of a trial's last epoch (or the best one so far)."""

    name: Literal["val/accuracy", "val/accuracy_best", "val/loss"] = "val/accuracy"
    """Measured on validation data; test data decide nothing."""
    mode: Literal["max", "min"] = "max"
    """max for accuracies, min for val/loss."""

    @model_validator(mode="after")
    def _direction(self) -> Metric:
        if METRICS[self.name] != self.mode:
            raise ValueError(
                f"mode must be {METRICS[self.name]} for {self.name}, given {self.mode}"
            )
        return self


class SecondObjective(Section):
    """What searches minimise (or maximise) besides ``metric``: their trials then spread along the Pareto front of the two, which the report
    draws. An arm's configuration is still the one with the best ``metric``."""

    name: Literal[
        "energy_nj",
        "macs",
        "acs",
        "parameters",
        "firing_rate",
        "seconds_per_epoch",
        "peak_memory_mb",
    ] = "energy_nj"
    """Costs are of the trial's last epoch; energy is estimated."""
    mode: Literal["min", "max"] = "min"
    """Which way is better."""


class Pruner(Section):
    """Stops search trials that fall behind: Optuna's pruners. Epochs count from 1."""

    type: Literal["none", "asha", "hyperband", "median"] = "none"
    """Which of Optuna's pruners."""
    grace_epochs: Count = 1
    """Never stopped before."""
    reduction_factor: Annotated[int, Field(ge=2)] = 3
    """asha, hyperband: one in so many goes on at each rung."""
    startup_trials: Count = 4
    """median: so many trials must have completed."""


class Search(Section):
    """The budget of one arm's search and how Optuna proposes."""

    sampler: Literal["tpe", "random", "gp", "grid"] = "tpe"
    """Which of Optuna's samplers."""
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    """The budget of each arm that is tuned, the same for all."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the proposals, and the training seed of every search trial."""
    startup: Count = 5
    """Random proposals before tpe or gp begin to learn."""
    pruner: Pruner = Pruner()
    diverged: Literal["fail", "worst"] = "fail"
    """What Optuna is told of a diverged trial: FAIL, or the worst value."""
    points: list[dict[str, Value]] = Field(default_factory=list)
    """Values to try first, in every arm that has the parameters."""


class Ablation(Section):
    """The arms that are the reference network with parts taken away."""

    reference: str = "full"
    """The name of the arm that is the base as it stands."""
    design: Designs = ("leave_one_out",)
    """leave_one_out: each factor away alone; add_one_in: none, and each alone there; factorial: every subset. One, or a list of them."""
    factors: dict[str, dict[str, Value]] = Field(default_factory=dict)
    """For each, the override that takes it away from the reference network."""


class Replicate(Section):
    """Fresh seeds ``first_seed``, ``first_seed + 1``, ...: the same ones for every arm, so that differences pair."""

    seeds: Annotated[int, Field(ge=0, le=10_000)] = 5
    """How many; p-values below 0.05 need 6 and more (--dry-run says how many)."""
    first_seed: Annotated[int, Field(ge=0, lt=2**31 - 10_000)] = 1000
    """The first of them."""


GpuShare = Annotated[Any, BeforeValidator(_share), WithJsonSchema(SHARE_SCHEMA)]


class ArmResources(Section):
    """What one arm's trials get instead of what the others do."""

    gpu: GpuShare
    """As resources.gpu, for this arm."""


class Resources(Section):
    """The share of one trial. ``gpu: auto``: where there is a GPU, the share that a probe of the arm's network measures; else the CPU."""

    cpu: Positive = 1.0
    """CPU threads of one trial."""
    gpu: GpuShare = "auto"
    """auto, or the GPUs of one trial: 0, a fraction of one, a whole number."""
    memory_gb: Positive | None = None
    """CPU: a trial over it ends as out_of_memory."""
    arms: dict[str, ArmResources] = Field(default_factory=dict)
    """Other shares of single arms, by the arm's name."""

    def gpu_of(self, arm: str) -> Any:
        """ "auto", or the GPUs of one trial of this arm."""
        return self.arms[arm].gpu if arm in self.arms else self.gpu

    def gpu_key(self, arm: str) -> str:
        """Where the study file says so."""
        return f"resources.arms.{arm}.gpu" if arm in self.arms else "resources.gpu"


class Budget(Section):
    """Limits of the whole study, over all its runs; replicates are served before search spends the rest."""

    hours: Positive | None = None
    """Of working time, over all runs of the study."""
    trials: Count | None = None
    """Trained in all."""
    epochs: Count | None = None
    """Trained in all."""


class Retry(Section):
    """How often a trial is tried again within a run, by cause. An exception raised by our code is never tried again."""

    dead_worker: Annotated[int, Field(ge=0, le=100)] = 2
    """After the death of its process."""
    out_of_memory: Annotated[int, Field(ge=0, le=1)] = 1
    """Alone on the machine."""


class ReportSpec(Section):
    """What the report compares with, and how sure it is."""

    baseline: str | None = None
    """The arm that all others are compared with besides the reference; none unless given."""
    pairs: Annotated[tuple[Pair, ...], BeforeValidator(_to_tuple)] = ()
    """Further comparisons, each (arm - other), a family of their own."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Of the intervals; 1 - confidence is the level of the tests."""
    correction: Literal["holm", "bonferroni", "none"] = "holm"
    """For the number of comparisons in a table."""


class StudySpec(Section):
    """The whole study file."""

    name: str
    """Also the name of its folder below results."""
    base: str
    """A config file, complete by itself: relative to the current folder, to this file, or in the package."""
    overrides: dict[str, Value] = Field(default_factory=dict)
    """Dotted path of a config -> value, for every arm."""
    metric: Metric = Metric()
    second_objective: SecondObjective | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    """What Optuna searches: dotted path of a config -> range or choices."""
    search: Search | None = None
    ablation: Ablation = Ablation()
    baselines: dict[str, dict[str, Value]] = Field(default_factory=dict)
    """Arm -> overrides of the base; the key base in it names another config file."""
    tune: Literal["each", "reference", "none"] = "each"
    """each: every arm has its own search; reference: the reference's values serve all; none: values as in the configs."""
    replicate: Replicate = Replicate()
    resources: Resources = Resources()
    budget: Budget = Budget()
    retry: Retry = Retry()
    max_failed: Fraction = 0.5
    """The fraction of trials that may fail before the study stops."""
    report: ReportSpec = ReportSpec()
    diagnostics: Annotated[
        word_or_reference("off", "scalars", "distributions"),  # type: ignore[valid-type]
        BeforeValidator(_word),
    ] = "off"
    """What replicates record of their insides: nothing, numbers per layer and epoch, also histograms; or numbers and what a function of
    yours measures, as my_module:function."""
    loggers: Loggers = ()
    """Who else hears of every epoch; each needs the extra of its name."""

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
    for key in tree:
        if key in TrialConfig.model_fields and key != "seed":
            raise ConfigError(
                f"{where}: {key}: is a key of training configs; to set it in all trials write overrides: {{{key}.KEY: VALUE}}, "
                f"or on the command line --set overrides.{key}.KEY=VALUE"
            )
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
    if not match and (
        match := re.match(r"(parameters)\.(.+)\.(type|low|high|log|step|choices|when)$", dotted)
    ):
        parents, rest = [match[1], match[2]], match[3]
    elif not match:
        *parents, rest = dotted.split(".")
    set_keys(tree, [*parents, rest], value)

"""The sections of a study file: frozen, validated; the text below each option documents it.

`study.spec.reading` reads a file into a `StudySpec`, `study.spec.checks` has the rules that span
sections, and `study.plan` checks the values against the networks that they configure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from eisnn.config.sections import word_or_reference
from eisnn.config.trial import Count, Fraction, Positive, Section, Value
from eisnn.config.yaml_file import plain_value
from eisnn.metrics import METRICS as KNOWN_METRICS
from study.spec.parameter import Parameter

MAX_TRIALS = 100_000
METRICS = {"val/accuracy": "max", "val/accuracy_best": "max", "val/loss": "min"}
VALIDATION_METRICS = [name for name in KNOWN_METRICS if name.startswith("val/")]
# What a trial measures without the test set, for constraints.
CONSTRAINED = [name for name, row in KNOWN_METRICS.items() if row.once and name[:5] != "test/"]


def _word(value: Any) -> Any:
    return "off" if value is False else value


def _to_tuple(value: Any) -> Any:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _one_or_list(words: tuple[str, ...]) -> dict[str, Any]:
    """JSON Schema of one of the words, or a list of them."""
    one = {"enum": list(words)}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _correction(value: Any) -> Any:
    return "single_step" if value == "bonferroni" else value


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


def _validated(name: str) -> str:
    own = name.startswith("val/") and name not in VALIDATION_METRICS
    if name in METRICS or (own and len(name) > len("val/")):
        return name
    known = ", ".join(map(repr, list(METRICS)[:-1])) + f" or {list(METRICS)[-1]!r}"
    raise ValueError(f"must be {known}, or val/NAME of one of your metrics, given {name[:80]!r}")


class Metric(Section):
    """What a search optimises: a validation metric of the last epoch (or the best one so far)."""

    name: Annotated[
        str,
        AfterValidator(_validated),
        WithJsonSchema({"anyOf": [{"enum": list(METRICS)}, {"type": "string"}]}),
    ] = "val/accuracy"
    """Measured on validation data; test data decide nothing. val/NAME is a metric of yours."""
    mode: Literal["max", "min"] = "max"
    """max for accuracies, min for val/loss; for your own metrics as their ``better`` says."""

    @model_validator(mode="after")
    def _direction(self) -> Metric:
        expected = METRICS.get(self.name, self.mode)
        if expected != self.mode:
            raise ValueError(f"mode must be {expected} for {self.name}, given {self.mode}")
        return self


class SecondObjective(Section):
    """What searches minimise (or maximise) besides ``metric``: their trials then spread along the
    Pareto front of the two, which the report draws. An arm's configuration is still the one with
    the best ``metric``."""

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


class Bounds(Section):
    """What a metric of a trial must keep to."""

    min: float | None = None
    """At least so much."""
    max: float | None = None
    """At most so much."""

    @model_validator(mode="after")
    def _meaningful(self) -> Bounds:
        if self.min is None and self.max is None:
            raise ValueError("needs min or max, given neither")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must be at most max ({self.max:g}), given {self.min:g}")
        return self


class Search(Section):
    """The budget of one arm's search and how Optuna proposes."""

    sampler: Literal["tpe", "random", "gp", "cmaes", "qmc", "grid"] = "tpe"
    """tpe, gp, cmaes (needs the package cmaes), random and grid are Optuna's; qmc draws from a
    Sobol sequence. All arms begin with the same draws."""
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    """The budget of each arm that is tuned, the same for all."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the proposals, and the training seed of every search trial."""
    startup: Count = 5
    """Random proposals before tpe or gp begin to learn."""
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """Whole searches of each arm, each with a search seed of its own (seed, seed + 1, ...) and with
    replicates of what it chose. Verdicts on tuned arms rest on them; with one, a verdict is about
    the configuration that it found."""
    pruner: Pruner = Pruner()
    diverged: Literal["fail", "worst"] = "fail"
    """What Optuna is told of a diverged trial: FAIL, or the worst value."""
    points: list[dict[str, Value]] = Field(default_factory=list)
    """Values to try first, in every arm that has the parameters."""
    from_: str | None = Field(default=None, alias="from")
    """The folder of another study, such as results/pilot: samplers learn from what the arms of the
    same names completed there, as far as the parameters are the same. Those trials do not count."""
    constraints: dict[str, Bounds] = Field(default_factory=dict)
    """What a configuration must keep to, such as energy_nj: {max: 500}. Samplers learn of it, and
    an arm's configuration is the best one that does."""

    def violations(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """How far a trial is beyond each constraint; at most 0 where it keeps to it."""
        found: dict[str, float] = {}
        for name, bounds in self.constraints.items():
            value = metrics.get(name)
            if value is None:
                continue
            if bounds.max is not None:
                found[f"{name} max"] = float(value) - bounds.max
            if bounds.min is not None:
                found[f"{name} min"] = bounds.min - float(value)
        return found


def _override_or_level(value: Any) -> Any:
    if isinstance(value, dict):
        return {path: plain_value(item) for path, item in value.items()}
    return plain_value(value)


OverrideOrLevel = Annotated[
    Any,
    BeforeValidator(_override_or_level),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["number", "string", "boolean", "null"]},
                {"type": "array"},
                {"type": "object"},
            ]
        }
    ),
]
BaselineNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_to_tuple),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Ablation(Section):
    """The arms that are the reference network with parts taken away."""

    reference: str = "full"
    """The name of the arm that is the base as it stands."""
    design: Designs = ("leave_one_out",)
    """leave_one_out: each factor away alone; add_one_in: none, and each alone there; factorial:
    every subset. One, or a list of them."""
    factors: dict[str, dict[str, OverrideOrLevel]] = Field(default_factory=dict)
    """For each, the override that takes it away from the reference network; or its levels besides
    the reference's own, each a mapping of overrides: tau: {slow: {neuron.tau: 8.0}, ...}."""
    cross: BaselineNames = ()
    """Baselines in which the designs change the same factors too, as arms of their own."""
    names: dict[str, str] = Field(default_factory=dict)
    """Names of arms to use instead of the program's own, such as {no_ei_init: plain_init}."""


class Replicate(Section):
    """Fresh seeds ``first_seed``, ``first_seed + 1``, ...: the same ones for every arm, so that
    differences pair."""

    seeds: Annotated[int, Field(ge=0, le=10_000)] = 5
    """How many; p-values below 0.05 need 6 and more (--dry-run says how many)."""
    first_seed: Annotated[int, Field(ge=0, lt=2**31 - 10_000)] = 1000
    """The first of them. Repeat k of a search uses the seeds from ``first_seed + k * seeds`` on."""
    until: Literal["decided"] | None = None
    """decided: arms whose verdict is open get more seeds, in steps, up to ``most``."""
    most: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The most seeds of an arm; needs ``until``."""

    @model_validator(mode="after")
    def _meaningful(self) -> Replicate:
        if (self.most is None) != (self.until is None):
            raise ValueError("most and until have a meaning only together; give both, or neither")
        if self.most is not None and self.most < self.seeds:
            raise ValueError(f"most must be at least seeds ({self.seeds}), given {self.most}")
        return self


GpuShare = Annotated[Any, BeforeValidator(_share), WithJsonSchema(SHARE_SCHEMA)]


class ArmResources(Section):
    """What one arm's trials get instead of what the others do."""

    gpu: GpuShare
    """As resources.gpu, for this arm."""


class Resources(Section):
    """The share of one trial. ``gpu: auto``: where there is a GPU, the share that a probe of the
    arm's network measures; else the CPU."""

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
    """Limits of the whole study, over all its runs; replicates are served before search spends the
    rest."""

    hours: Positive | None = None
    """Of working time, over all runs of the study."""
    trials: Count | None = None
    """Trained in all."""
    epochs: Count | None = None
    """Trained in all."""


class Retry(Section):
    """How often a trial is tried again within a run, by cause. An exception raised by our code is
    never tried again."""

    dead_worker: Annotated[int, Field(ge=0, le=100)] = 2
    """After the death of its process."""
    out_of_memory: Annotated[int, Field(ge=0, le=1)] = 1
    """Alone on the machine."""


class Claim(Section):
    """A planned comparison with a direction. The page judges it: holds, fails, or undecided."""

    say: str
    """The claim in words, as the page prints it."""
    arm: str
    """The arm that the claim is about."""
    against: str
    """The arm that it is compared with."""
    is_: Literal["better", "worse", "not_better", "not_worse", "equivalent"] = Field(alias="is")
    """How ``arm`` does against ``against``."""
    margin: Positive | None = None
    """For not_better, not_worse and equivalent, in the metric's own unit; default report.margin."""


class ReportSpec(Section):
    """What the report compares with, and how sure it is."""

    baseline: str | None = None
    """The arm that all others are compared with besides the reference; none unless given."""
    pairs: Annotated[tuple[Pair, ...], BeforeValidator(_to_tuple)] = ()
    """Further comparisons, each (arm - other)."""
    claims: list[Claim] = Field(default_factory=list)
    """Statements that the study shall judge."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Of the intervals; 1 - confidence is the level of the tests."""
    failures: Literal["chance", "exclude"] = "chance"
    """What a replicate that failed counts as: chance level (1 / classes), or nothing at all."""
    test: Literal["t", "sign_flip"] = "t"
    """A paired t-test, or the joint sign-flip test over all comparisons."""
    correction: Annotated[
        Literal["single_step", "holm", "none"],
        BeforeValidator(_correction),
        WithJsonSchema({"enum": ["single_step", "holm", "none", "bonferroni"]}),
    ] = "single_step"
    """For the number of comparisons. single_step: interval and verdict are one statement; holm:
    sharper p-values, beside intervals that are not adjusted. (bonferroni is single_step.)"""
    margin: Positive | None = None
    """Differences within it do not matter: 0.01 is one point of accuracy. "No effect" needs it."""


MetricFunction = word_or_reference("top5_accuracy")


class UserMetric(Section):
    """A number measured on validation and test data: (model, logits, labels) -> number."""

    function: MetricFunction  # type: ignore[valid-type]
    """top5_accuracy, or your own module:attribute. Written alone, as ``name: module:attribute``, it
    is all there is."""
    better: Literal["higher", "lower"] = "higher"
    """Which way is better."""
    label: str | None = None
    """For axes and tables; default the name."""


class StudySpec(Section):
    """The whole study file."""

    name: str
    """Also the name of its folder below results."""
    base: str
    """A config file, complete by itself: relative to the current folder, to this file, or in the
    package."""
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
    """each: every arm has its own search; reference: the reference's values serve all; none: values
    as in the configs."""
    replicate: Replicate = Replicate()
    resources: Resources = Resources()
    budget: Budget = Budget()
    retry: Retry = Retry()
    max_failed: Fraction = 0.5
    """The fraction of trials that may fail before the study stops."""
    report: ReportSpec = ReportSpec()
    metrics: dict[
        str,
        UserMetric | MetricFunction,  # type: ignore[valid-type]
    ] = Field(default_factory=dict)
    """Metrics besides loss and accuracy: name -> top5_accuracy, your own module:attribute, or the
    section of either."""
    diagnostics: Annotated[
        word_or_reference("off", "scalars", "distributions"),  # type: ignore[valid-type]
        BeforeValidator(_word),
    ] = "off"
    """What replicates record of their insides: nothing, numbers per layer and epoch, also
    histograms; or numbers and what a function of yours measures, as my_module:function."""
    loggers: Loggers = ()
    """Who else hears of every epoch; each needs the extra of its name."""
    notify: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    """An address that gets one JSON line at the end, at a stop, and when a budget is used up."""

    @property
    def user_metrics(self) -> dict[str, UserMetric]:
        """The metrics of the user's in one form."""
        return {
            name: UserMetric(function=given) if isinstance(given, str) else given
            for name, given in self.metrics.items()
        }

    @property
    def objectives(self) -> Mapping[str, str]:
        """What a search optimises: max or min, by name."""
        second = self.second_objective
        return {self.metric.name: self.metric.mode} | ({second.name: second.mode} if second else {})

    @property
    def tuned(self) -> bool:
        return self.tune != "none" and self.search is not None and bool(self.parameters)

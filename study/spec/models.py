"""The sections of a study file: frozen, validated; the text below each option documents it.

`study.spec.reading` reads a file into a `StudySpec`, `study.spec.checks` has the rules that span
sections, and `study.plan` checks the values against the networks that they configure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from eisnn.config.sections.fields import word_or_reference
from eisnn.config.trial import Count, Fraction, Positive, Section, Value
from study.spec.design import Ablation
from study.spec.forms import one_or_list, to_tuple
from study.spec.parameter import Parameter
from study.spec.report import ReportSpec, UserMetric, or_word
from study.spec.search import SEEDS_APART, Metric, Search, SecondObjective


def _word(value: Any) -> Any:
    return "off" if value is False else value


def _share(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value != "auto" and not (number and value >= 0):
        raise ValueError(
            f"must be auto, 0, a fraction of one GPU, or a whole number of GPUs, given {value!r}"
        )
    if number and value > 1 and value % 1:
        raise ValueError(f"must be at most 1 or a whole number of GPUs, given {value:g}")
    return value


Logger = Literal["tensorboard", "mlflow", "wandb"]
Loggers = Annotated[
    tuple[Logger, ...], BeforeValidator(to_tuple), WithJsonSchema(one_or_list(get_args(Logger)))
]


SHARE_SCHEMA = {"anyOf": [{"enum": ["auto"]}, {"type": "number", "minimum": 0}]}


class Replicate(Section):
    """Fresh seeds ``first_seed``, ``first_seed + 1``, ...: the same ones for every arm, so that
    differences pair."""

    seeds: Annotated[int, Field(ge=0, le=SEEDS_APART)] = 5
    """How many; p-values below 0.05 need 6 and more (--dry-run says how many)."""
    first_seed: Annotated[int, Field(ge=0, lt=2**31 - 1000 * SEEDS_APART)] = 1000
    """The first of them. Repeat k of a search uses the seeds from ``first_seed + 10,000 k`` on."""
    until: Literal["decided"] | None = None
    """decided: arms whose verdict is open get more seeds, in steps, up to ``most``."""
    most: Annotated[int, Field(ge=1, le=SEEDS_APART)] | None = None
    """The most seeds of an arm; needs ``until``."""

    @model_validator(mode="after")
    def _meaningful(self) -> Replicate:
        if (self.most is None) != (self.until is None):
            raise ValueError("most and until apply only together; give both, or neither")
        if self.most is not None and self.most < self.seeds:
            raise ValueError(f"most must be at least seeds ({self.seeds}), given {self.most}")
        return self

    def seed(self, repeat: int, index: int) -> int:
        """The seed of one replicate. More seeds, or more repeats, keep those that are there."""
        return self.first_seed + SEEDS_APART * repeat + index

    @property
    def largest(self) -> int:
        """The most seeds that a repeat of an arm can come to have."""
        return self.most or self.seeds


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
        """The GPUs of one trial of this arm, or "auto"."""
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
    metrics: dict[str, UserMetric] = Field(default_factory=dict, json_schema_extra=or_word)
    """Metrics besides loss and accuracy: name -> top5_accuracy, your own module:attribute, a
    changed test condition such as noise_0.3, or the section of any."""
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
    def objectives(self) -> Mapping[str, str]:
        """What a search optimises: max or min, by name."""
        second = self.second_objective
        return {self.metric.name: self.metric.mode} | ({second.name: second.mode} if second else {})

    @property
    def tuned(self) -> bool:
        return self.tune != "none" and self.search is not None and bool(self.parameters)

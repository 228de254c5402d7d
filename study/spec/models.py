"""The sections of a study file as frozen, validated models; the text below an option documents it.

`study.spec.reading` makes a `StudySpec` of a file, `study.spec.checks` has the rules that span
sections, and `study.plan` checks the values against the networks that they configure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from eisnn.config.sections.fields import (
    Count,
    Fraction,
    Positive,
    Section,
    Value,
    word_or_reference,
)
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
    """Chosen configurations are trained again from the fresh seeds ``first_seed``,
    ``first_seed + 1``, ..., the same for every arm, so that differences pair."""

    seeds: Annotated[int, Field(ge=0, le=SEEDS_APART)] = 5
    """The number of seeds; p-values below 0.05 need 6 or more (--dry-run says how many)."""
    first_seed: Annotated[int, Field(ge=0, lt=2**31 - 1000 * SEEDS_APART)] = 1000
    """The first seed. Repeat k of a search uses the seeds from ``first_seed + 10,000 k`` on."""
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
        """Returns the seed of one replicate, which does not depend on how many there are."""
        return self.first_seed + SEEDS_APART * repeat + index

    @property
    def largest(self) -> int:
        """The most seeds that a repeat of an arm can come to have."""
        return self.most or self.seeds


GpuShare = Annotated[Any, BeforeValidator(_share), WithJsonSchema(SHARE_SCHEMA)]


class ArmResources(Section):
    """The resources of one arm's trials, if they differ from the other arms'."""

    gpu: GpuShare
    """The same as resources.gpu, for this arm."""


class Resources(Section):
    """What one trial gets of the machine. With ``gpu: auto`` a probe of the arm's network measures
    its share of a GPU; without a GPU, trials run on the CPU."""

    cpu: Positive = 1.0
    """CPU threads of one trial."""
    gpu: GpuShare = "auto"
    """auto, or the GPUs of one trial: 0, a fraction of one, or a whole number."""
    memory_gb: Positive | None = None
    """The memory of one trial on the CPU; a trial that needs more ends as out_of_memory."""
    arms: dict[str, ArmResources] = Field(default_factory=dict)
    """The resources of single arms, by the arm's name."""

    def gpu_of(self, arm: str) -> Any:
        """Returns the GPUs of one trial of this arm, or "auto"."""
        return self.arms[arm].gpu if arm in self.arms else self.gpu

    def gpu_key(self, arm: str) -> str:
        """Returns the study file's key for them."""
        return f"resources.arms.{arm}.gpu" if arm in self.arms else "resources.gpu"


class Budget(Section):
    """Limits of the whole study, over all its runs. Searches leave as much of it as the replicates
    need."""

    hours: Positive | None = None
    """Hours that the study may run, over all its runs."""
    trials: Count | None = None
    """Trials that the study may train."""
    epochs: Count | None = None
    """Epochs that the study may train, over all its trials."""


class Retry(Section):
    """How often a run tries a trial again, by the cause of its failure. A trial whose code raised
    an exception is not tried again."""

    dead_worker: Annotated[int, Field(ge=0, le=100)] = 2
    """How often a trial is tried again after its process died."""
    out_of_memory: Annotated[int, Field(ge=0, le=1)] = 1
    """Whether a trial that ran out of memory is tried again, alone on the machine: 1 or 0."""


class StudySpec(Section):
    """The whole study file."""

    name: str
    """The study's name, and that of its folder below results."""
    base: str
    """A complete config file, by its path relative to the current folder, to this file, or to the
    package."""
    overrides: dict[str, Value] = Field(default_factory=dict)
    """Dotted path of a config -> value, for every arm."""
    metric: Metric = Metric()
    second_objective: SecondObjective | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    """The parameters that Optuna searches: dotted path of a config -> range or choices."""
    search: Search | None = None
    ablation: Ablation = Ablation()
    baselines: dict[str, dict[str, Value]] = Field(default_factory=dict)
    """Arm -> overrides of the base. The key ``base`` among them names another config file."""
    tune: Literal["each", "reference", "none"] = "each"
    """each: every arm has its own search; reference: all arms take the values found for the
    reference; none: all keep the values of their configs."""
    replicate: Replicate = Replicate()
    resources: Resources = Resources()
    budget: Budget = Budget()
    retry: Retry = Retry()
    max_failed: Fraction = 0.5
    """The fraction of trials that may fail before the study stops."""
    report: ReportSpec = ReportSpec()
    metrics: dict[str, UserMetric] = Field(default_factory=dict, json_schema_extra=or_word)
    """Metrics besides loss and accuracy: name -> top5_accuracy, your own module:attribute, a
    changed test condition such as noise_0.3, or a section with one of these."""
    diagnostics: Annotated[
        word_or_reference("off", "scalars", "distributions"),  # type: ignore[valid-type]
        BeforeValidator(_word),
    ] = "off"
    """What replicates record of their layers. off: nothing; scalars: numbers per layer and epoch;
    distributions: histograms too; my_module:function: the numbers, and what your function
    measures."""
    loggers: Loggers = ()
    """Programs that also log every epoch; each needs the extra of its name."""
    notify: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    """An address to post one line of JSON to when the study is done, stops, or has used up a
    budget."""

    @property
    def objectives(self) -> Mapping[str, str]:
        """The metrics that a search optimises, each with max or min."""
        modes: dict[str, str] = {self.metric.name: self.metric.mode}
        if self.second_objective is not None:
            modes[self.second_objective.name] = self.second_objective.mode
        return modes

    @property
    def tuned(self) -> bool:
        return self.tune != "none" and self.search is not None and bool(self.parameters)

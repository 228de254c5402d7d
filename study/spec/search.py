"""The sections on the search: objectives, proposals, and when trials stop early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from eisnn.config.sections.fields import Count, Section, Value
from eisnn.metrics import COST_METRICS
from eisnn.metrics import METRICS as KNOWN_METRICS

MAX_TRIALS = 100_000
SEEDS_APART = 10_000  # between the first seeds of two repeats, so one has at most that many
METRICS = {"val/accuracy": "max", "val/accuracy_best": "max", "val/loss": "min"}
VALIDATION_METRICS = [name for name in KNOWN_METRICS if name.startswith("val/")]
# The metrics for constraints: those that a trial measures without the test set.
CONSTRAINED = [name for name, row in KNOWN_METRICS.items() if row.once and name[:5] != "test/"]


def _validated(name: str) -> str:
    own = name.startswith("val/") and name not in VALIDATION_METRICS
    if name in METRICS or (own and len(name) > len("val/")):
        return name
    known = ", ".join(map(repr, list(METRICS)[:-1])) + f" or {list(METRICS)[-1]!r}"
    raise ValueError(f"must be {known}, or val/NAME of one of your metrics, given {name[:80]!r}")


class Metric(Section):
    """The validation metric that a search optimises, of the last epoch or of the best one."""

    name: Annotated[
        str,
        AfterValidator(_validated),
        WithJsonSchema({"anyOf": [{"enum": list(METRICS)}, {"type": "string"}]}),
    ] = "val/accuracy"
    """A metric of the validation data; test data decide nothing. val/NAME is a metric of yours."""
    mode: Literal["max", "min"] = "max"
    """max for accuracies, min for val/loss; your own metric's ``better`` decides for it."""

    @model_validator(mode="after")
    def _direction(self) -> Metric:
        expected = METRICS.get(self.name, self.mode)
        if expected != self.mode:
            raise ValueError(f"mode must be {expected} for {self.name}, given {self.mode}")
        return self


class SecondObjective(Section):
    """A second metric for searches to minimise (or maximise). Trials then spread along the Pareto
    front of the two metrics, which the report draws. An arm's configuration is still the one with
    the best ``metric``."""

    name: Literal[COST_METRICS] = "energy_nj"  # type: ignore[valid-type]
    """Costs are of the trial's last epoch; energy is estimated."""
    mode: Literal["min", "max"] = "min"
    """Which direction is better."""


class Pruner(Section):
    """One of Optuna's pruners, which stop search trials that fall behind. Epochs count from 1."""

    type: Literal["none", "asha", "hyperband", "median", "wilcoxon"] = "none"
    """The pruner. wilcoxon compares the seeds of configurations (search.seeds), the others the
    epochs of trials."""
    grace_epochs: Count = 1
    """A trial is never stopped before this epoch."""
    reduction_factor: Annotated[int, Field(ge=2)] = 3
    """asha, hyperband: of this many trials, one continues past each rung."""
    startup_trials: Count = 4
    """median: nothing is stopped before this many trials have completed."""
    p_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """wilcoxon: the level of the signed-rank test; a configuration is stopped once the test over
    its seeds so far finds it worse than the best one."""

    @property
    def least_seeds(self) -> int:
        """The fewest seeds of which wilcoxon can save the last: 2^-(seeds - 1) < p_threshold.

        >>> Pruner(type="wilcoxon").least_seeds
        5
        """
        return 2 + math.floor(-math.log2(self.p_threshold))


class Bounds(Section):
    """The bounds of a metric."""

    min: float | None = None
    """The smallest value allowed."""
    max: float | None = None
    """The largest value allowed."""

    @model_validator(mode="after")
    def _meaningful(self) -> Bounds:
        if self.min is None and self.max is None:
            raise ValueError("needs min or max, given neither")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min must be at most max ({self.max:g}), given {self.min:g}")
        return self


class Search(Section):
    """The budget of one arm's search, and how Optuna makes proposals."""

    sampler: Literal["tpe", "random", "gp", "cmaes", "qmc", "grid"] = "tpe"
    """tpe, gp, cmaes (needs the package cmaes), random and grid are Optuna's; qmc draws from a
    Sobol sequence. All arms begin with the same draws."""
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 20
    """The number of configurations that each tuned arm tries, the same for all arms."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The seed of the proposals, and the training seed of every search trial."""
    startup: Count = 5
    """The number of random proposals before tpe or gp begin to learn."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """The number of training seeds of each configuration, whose mean the search optimises. Each
    seed is a separate trial; once one has failed, the others are not trained."""
    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """The number of whole searches of each arm, with the search seeds seed, seed + 1, ..., each
    followed by replicates of the configuration that it chose. Verdicts on tuned arms need several;
    with one, a verdict is only about the configuration that it found."""
    until: Literal["decided"] | None = None
    """decided: arms whose verdict is open get more repeats, in steps, up to ``most``."""
    most: Annotated[int, Field(ge=2, le=1000)] | None = None
    """The most repeats of an arm; needs ``until``."""
    pruner: Pruner = Pruner()
    diverged: Literal["fail", "worst"] = "fail"
    """What Optuna is told of a diverged trial: that it failed, or the worst value."""
    points: list[dict[str, Value]] = Field(default_factory=list)
    """Values to try first, in every arm that has the parameters."""
    from_: str | None = Field(default=None, alias="from")
    """The folder of another study, such as results/pilot. Samplers learn from the completed trials
    of its arms of the same names, if these have the same parameters. Those trials do not count."""
    constraints: dict[str, Bounds] = Field(default_factory=dict)
    """What a configuration must keep to, such as energy_nj: {max: 500}. Samplers learn of it, and
    an arm's configuration is the best one that does. Needs Optuna 5 or later."""

    @model_validator(mode="after")
    def _meaningful(self) -> Search:
        if (self.most is None) != (self.until is None):
            raise ValueError("most and until apply only together; give both, or neither")
        if self.until is not None and self.repeats < 2:
            raise ValueError("until needs repeats of at least 2 to judge by, given 1")
        if self.most is not None and self.most < self.repeats:
            raise ValueError(f"most must be at least repeats ({self.repeats}), given {self.most}")
        return self

    @property
    def largest(self) -> int:
        """The most repeats that an arm can come to have."""
        return self.most or self.repeats

    def training_seed(self, repeat: int, index: int) -> int:
        """Returns the seed of one training, which does not depend on how many there are."""
        return self.seed + repeat + SEEDS_APART * index

    def violations(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Returns how far a trial is beyond each constraint; 0 or less if it keeps the bounds."""
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

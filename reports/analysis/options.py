"""What to compare, by which metric, and with which confidence.

The user's wishes override plan.json, which overrides the defaults.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from eisnn.config.conditions import condition_of
from eisnn.metrics import BEST, Metric, judged
from eisnn.metrics import metric as metric_called
from reports.analysis.arm import GONE
from reports.analysis.chance import chance_of, classes_of, test_images_of
from reports.analysis.collect import Study, StudyError
from reports.analysis.costs import COSTS
from reports.analysis.sequential import looks
from reports.analysis.statistics import Correction, Method, Test
from study.store import Kind, State
from study.store.columns import OVERRIDE

OLD_CORRECTIONS = {"bonferroni": "single_step"}

Is = Literal["worse", "better", "not_worse", "not_better", "equivalent"]


@dataclass(frozen=True)
class Claim:
    """A planned comparison with a direction: how ``arm`` compares with ``against``.

    "better" and "worse" mean by more than ``margin``.
    """

    say: str
    arm: str
    against: str
    is_: Is
    margin: float = 0.0


@dataclass(frozen=True)
class Options:
    """The options of a report; ``margin`` and ``chance`` are in the metric's stored unit.

    Accuracies are stored as fractions.
    """

    metric: str = "test/accuracy"
    at: str = "last"  # last | best: weights of the last epoch, or of the best validation epoch
    reference: str | None = None
    baseline: str | None = None
    alpha: float = 0.05
    correction: Correction = "single_step"
    test: Test = "t"
    method: Method = "t"
    pairs: tuple[tuple[str, str], ...] = ()
    pairs_asked: bool = False  # named on the command line, not in the study file
    claims: tuple[Claim, ...] = ()
    own: tuple[Metric, ...] = ()  # the user's metrics
    margin: float | None = None
    failures: str = "chance"  # chance | exclude
    classes: int | None = None
    resolution: float = 0.0  # the least difference that the test set can show
    test_images: int | None = None
    repeats: int = 1
    looks: int = 1  # how often the study may look at its verdicts before it stops
    arms: tuple[str, ...] = ()  # the arms that the plan names

    @property
    def column(self) -> str:
        """The column of trials.csv with the chosen reading of the metric."""
        return self.metric if self.at == "last" else f"{self.metric}{BEST}"

    @property
    def confidence(self) -> float:
        return 1 - self.alpha

    @property
    def measure(self) -> Metric:
        return metric_called(self.metric, self.own)

    @property
    def factor(self) -> float:
        """The factor from the stored unit to the one that reports show."""
        return self.measure.factor

    @property
    def percent(self) -> bool:
        return self.measure.is_share

    @property
    def unit_of_differences(self) -> str:
        if self.percent:
            return "points"
        return self.measure.unit or "units of the metric"

    @property
    def better(self) -> str | None:
        return self.measure.better

    @property
    def higher_is_better(self) -> bool:
        return self.measure.better != "lower"

    @property
    def unit(self) -> str:
        """The independent unit: a repeat of the search if there are several, else a seed."""
        return "repeat" if self.repeats > 1 else "seed"

    @property
    def chance(self) -> float | None:
        """The value of a replicate that failed; None if failures have none."""
        if self.failures != "chance":
            return None
        # A share is an accuracy, perhaps under a changed test condition.
        return chance_of("test/accuracy" if self.percent else self.metric, self.classes)

    @property
    def against(self) -> tuple[str, ...]:
        """The arms to compare every other arm with: the reference, then the baseline."""
        return tuple(dict.fromkeys(name for name in (self.reference, self.baseline) if name))

    @property
    def family(self) -> tuple[frozenset[str], ...]:
        """Every comparison that the plan names, even if its arms have no values yet."""
        found = [frozenset((arm, other)) for other in self.against for arm in self.arms]
        found += [frozenset(pair) for pair in self.pairs]
        found += [frozenset((claim.arm, claim.against)) for claim in self.claims]
        return tuple(pair for pair in dict.fromkeys(found) if len(pair) == 2)

    @property
    def comparisons(self) -> int:
        return max(1, len(self.family))

    @property
    def level(self) -> float:
        """The level of one interval, which keeps the whole family, at all looks, below alpha."""
        if self.correction == "none":
            return self.alpha / self.looks
        return self.alpha / (self.comparisons * self.looks)


def options_for(
    study: Study,
    *,
    baseline: str | None = None,
    reference: str | None = None,
    metric: str | None = None,
    at: str = "last",
    alpha: float | None = None,
    method: Method = "t",
    pairs: Sequence[tuple[str, str]] = (),
) -> Options:
    """Returns the options for a report: the study file's, with the given ones in their place.

    Raises:
        StudyError: there is no such arm, or no such metric.
    """
    _check_names(study, baseline, reference, pairs)
    if alpha is not None and not 0 < alpha < 1:
        raise StudyError(f"--alpha must lie between 0 and 1; got {alpha:g}.")
    planned = options_of(study)
    options = replace(
        planned,
        metric=metric or planned.metric,
        at=at,
        reference=reference or planned.reference,
        baseline=baseline or planned.baseline,
        alpha=planned.alpha if alpha is None else alpha,
        method=method,
        pairs=tuple(dict.fromkeys((one, other) for one, other in pairs)) or planned.pairs,
        pairs_asked=bool(pairs),
    )
    _check_column(study, options)
    return with_resolution(study, options)


def options_of(study: Study) -> Options:
    """Returns the options that the study file asks for."""
    plan = study.plan
    given = plan.get("correction", "single_step")
    confidence = float(plan.get("confidence", 0.95))
    return Options(
        metric=_metric(study),
        reference=study.of_role("reference"),
        baseline=study.of_role("baseline"),
        alpha=round(1 - confidence, 9),
        correction=OLD_CORRECTIONS.get(given, given),
        test=plan.get("test") or "t",
        pairs=study.pairs,
        claims=_claims(study),
        own=_own_metrics(plan.get("metrics") or ()),
        margin=plan.get("margin"),
        failures=plan.get("failures") or "chance",
        classes=classes_of(plan),
        test_images=test_images_of(plan),
        repeats=int(plan.get("repeats") or 1),
        looks=_looks(plan),
        arms=_planned_arms(study),
    )


def _metric(study: Study) -> str:
    """Returns the test accuracy, or the test loss of a study whose targets are numbers."""
    trials = study.trials
    return judged(trials.columns[trials.notna().any()]).name


def with_resolution(study: Study, options: Options) -> Options:
    """Adds the least difference that the test set can show, which for an accuracy is one image.

    If the folder does not say how many test images there are, the least gap between two of its
    accuracies shows it.
    """
    if not options.percent:
        return options
    if options.test_images:
        return replace(options, resolution=1 / options.test_images)
    trials = study.trials
    done = trials[(trials["kind"] == Kind.REPLICATE) & (trials["state"] == State.COMPLETED)]
    values = sorted(set(done[options.column].dropna().round(9)))
    gaps = [b - a for a, b in itertools.pairwise(values)]
    return replace(options, resolution=round(min(gaps), 9) if gaps else 0.0)


def _planned_arms(study: Study) -> tuple[str, ...]:
    planned = tuple(arm.name for arm in study.arms if arm.role != GONE)
    return planned or tuple(study.arm_names)


def _looks(plan: Mapping[str, Any]) -> int:
    search = plan.get("search") or {}
    if search.get("until") == "decided":
        return len(looks(int(search["repeats"]), int(search["most"])))
    if plan.get("until") != "decided" or not plan.get("most"):
        return 1
    return len(looks(int(plan.get("seeds", 1)), int(plan["most"])))


def _own_metrics(records: Iterable[Mapping[str, Any]]) -> tuple[Metric, ...]:
    found = []
    for record in records:
        name = record["name"]
        label = record.get("label")
        condition = condition_of(record.get("function", ""))
        if condition is not None:
            found.append(Metric(name, label or condition.label, "%", 100.0, "higher"))
            continue
        found.append(Metric(name, label or name, better=record.get("better", "higher")))
    return tuple(found)


def _claims(study: Study) -> tuple[Claim, ...]:
    """Returns the study file's claims about existing arms."""
    found = []
    for record in study.plan.get("claims") or ():
        if not {record["arm"], record["against"]} <= set(study.arm_names):
            continue
        margin = float(record.get("margin") or 0.0)
        found.append(Claim(record["say"], record["arm"], record["against"], record["is"], margin))
    return tuple(found)


def _check_names(
    study: Study,
    baseline: str | None,
    reference: str | None,
    pairs: Sequence[tuple[str, str]],
) -> None:
    named = [("--baseline", baseline), ("--reference", reference)]
    for pair in pairs:
        named += [("--pair", name) for name in pair]
    for option, name in named:
        if name is not None and name not in study.arm_names:
            near = _choices(name, study.arm_names)
            raise StudyError(f"{option}: no arm {name!r} in this study; {near}")
    for one, other in pairs:
        if one == other:
            raise StudyError(f"--pair: an arm cannot be compared with itself; got {one} twice.")


def _check_column(study: Study, options: Options) -> None:
    numbers = study.trials.select_dtypes("number").columns
    if options.column not in numbers:
        measured = [name for name in numbers if "/" in name and not name.startswith(OVERRIDE)]
        known = measured + [name for name in numbers if name in COSTS]
        raise StudyError(
            f"--metric: trials.csv has no numbers {options.column!r} (--at {options.at}); "
            + _choices(options.column, known)
        )


def _choices(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(known) or 'none yet'}."

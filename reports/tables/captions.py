"""Captions that say what a table's numbers are and how they were judged."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.analysis import answer, outcomes
from reports.analysis.collect import Study
from reports.analysis.compare import ArmResult
from reports.analysis.options import Options
from reports.analysis.statistics import smallest_p
from reports.analysis.verdicts import plural
from reports.analysis.words import metric_name, number, reading, show


def caption(study: Study, results: Sequence[ArmResult], options: Options) -> str:
    """Returns the main table's caption: the metric, failures, the test, and the finite test set."""
    kind = "Student's t"
    if options.method != "t":
        kind = "BCa bootstrap, too short for few seeds"
    texts = [
        f"{metric_name(options).capitalize()} {reading(options)}; mean and"
        f" {100 * options.confidence:g} % confidence interval over {options.unit}s ({kind}); n:"
        " replicates with an outcome.",
        failures(study, options),
        test(options),
        answer.findable(results, options),
        too_few(max((result.units for result in results), default=0), options),
        test_set(results, options),
        answer.scope(study, options),
    ]
    return " ".join(text for text in texts if text)


def failures(study: Study, options: Options) -> str:
    """Says how many replicates failed, and how they count."""
    rows = outcomes.replicates(study)
    count = int(rows["state"].isin(outcomes.FAILURES).sum())
    if not count:
        return ""
    told = "1 replicate" if count == 1 else f"{count} replicates"
    if options.chance is not None:
        unit = " %" if options.percent else ""
        return (
            f"{told} that diverged or ran out of memory count{'s' if count == 1 else ''} as chance"
            f" ({show(options.chance, options)}{unit})."
        )
    why = "report.failures: exclude"
    if options.failures == "chance":
        why = "the metric's chance level is not known"
    return f"{told} that failed {'has' if count == 1 else 'have'} no value here ({why})."


def test(options: Options) -> str:
    """Names the test and its family, and says how intervals and verdicts are related."""
    if not options.against and not options.pairs:
        return ""
    family = plural(options.comparisons, "comparison")
    paired = f"Differences are paired by {options.unit}, in {options.unit_of_differences};"
    return f"{paired} {adjustment(options, family)} (* a difference).{_margin(options)}"


def adjustment(options: Options, family: str) -> str:
    """Says which intervals hold together, and which verdicts follow from them."""
    level = f"level {options.alpha:g}"
    looks = f" at {options.looks} planned looks" if options.looks > 1 else ""
    if options.test == "sign_flip":
        return (
            f"a joint sign-flip test of the page's {family}{looks} at {level};"
            " intervals and verdicts agree"
        )
    if options.correction == "holm":
        return (
            f"verdicts by paired t-tests with Holm's correction over the page's {family}{looks} at"
            f" {level}; intervals are unadjusted"
        )
    if options.correction == "none":
        return f"paired t-tests at {level}, not adjusted for the page's {family}{looks}"
    return (
        f"paired t intervals that hold together for the page's {family}{looks} at {level};"
        " a verdict says where its interval lies"
    )


def _margin(options: Options) -> str:
    if options.margin is None:
        return ""
    margin = show(options.margin, options)
    return f" Differences up to {margin} {options.unit_of_differences} do not matter."


def too_few(n: int, options: Options) -> str:
    """Says so if the sign-flip test's smallest p is too large for any verdict."""
    if options.test != "sign_flip" or not n or smallest_p(n) <= options.alpha / options.looks:
        return ""
    least = f"{smallest_p(n):.3g}"
    return f"With {n} {options.unit}s the smallest possible p is {least}: nothing can be decided."


def test_set(results: Sequence[ArmResult], options: Options) -> str:
    """Says how large the standard error is that the finite test set itself causes."""
    if not options.percent or not options.test_images:
        return ""
    means = [result.mean for result in results if not math.isnan(result.mean)]
    if not means:
        return ""
    best = max(means)
    error = math.sqrt(max(best * (1 - best), 0.0) / options.test_images)
    return (
        f"The {options.test_images:,} test images are the same for all: they alone give"
        f" {show(best, options)} % a standard error of {number(100 * error)} points."
    )

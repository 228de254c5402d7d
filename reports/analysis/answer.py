"""A study's answer: one sentence per arm, made from its numbers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from reports.analysis.arm import GONE
from reports.analysis.collect import Study
from reports.analysis.compare import ArmResult
from reports.analysis.differences import Difference
from reports.analysis.options import Options
from reports.analysis.power import Pilot, detectable
from reports.analysis.verdicts import Line, Verdict, further, plural
from reports.analysis.words import show, with_bounds


def lines(results: Sequence[ArmResult], options: Options) -> list[Line]:
    """Returns one line per arm beside the reference, in the plan's order.

    Without a reference, arms are compared with the baseline.
    """
    if not options.against:
        return []
    against = options.against[0]
    reference = {result.arm: result for result in results}[against]
    found = []
    for result in results:
        if result.arm == against or result.role == GONE:
            continue
        record = result.differences[against]
        found.append(
            Line(
                arm=result.arm,
                role=result.role,
                subject=subject(result, options),
                against=against,
                verdict=record.verdict,
                n=record.n,
                unit=options.unit,
                mean=record.mean,
                low=record.low,
                high=record.high,
                more=record.more,
                trained=result.trained.trained,
                runs=result.trained.runs,
                sentence=sentence(result, reference, record, options),
            )
        )
    return found


def is_ablation(result: ArmResult, options: Options) -> bool:
    """Returns whether the arm's verdict is about the part that it lacks."""
    return result.role == "ablation" and options.reference in result.differences


def subject(result: ArmResult, options: Options) -> str:
    """Returns the part that an ablation takes away, else the arm."""
    if is_ablation(result, options) and result.factors:
        return " + ".join(result.factors)
    return result.arm


def sentence(result: ArmResult, reference: ArmResult, record: Difference, options: Options) -> str:
    """Returns a text such as 'bn: needed; without it 0 of 3 train, −85.2 points [−92, −78].'"""
    name = subject(result, options)
    if record.verdict is Verdict.NO_RESULT:
        return f"{name}: no result yet."
    text = (
        f"{name}: {_claim(result, record, options)}; {_numbers(result, reference, record, options)}"
    )
    if record.verdict is Verdict.UNDECIDED:
        text += f"; {_open(record, options)}"
    return text + "."


def _claim(result: ArmResult, record: Difference, options: Options) -> str:
    """Returns the verdict with the margin or the other arm, if it needs one."""
    margin = ""
    if options.margin is not None:
        margin = f" within ±{show(options.margin, options)} {options.unit_of_differences}"
    if is_ablation(result, options):
        return f"{record.verdict}{margin if record.verdict is Verdict.NO_EFFECT else ''}"
    words = {
        Verdict.EQUIVALENT: f"equivalent to {record.against}{margin}",
        Verdict.UNDECIDED: f"undecided against {record.against}",
    }
    return words.get(record.verdict, f"{record.verdict} than {record.against}")


def _numbers(result: ArmResult, reference: ArmResult, record: Difference, options: Options) -> str:
    """Returns a text like 'without it 0 of 3 train, −85.17 points [−92.1, −78.2], 3 seeds'."""
    start = "without it " if is_ablation(result, options) else ""
    mine, theirs = result.trained, reference.trained
    unlike = mine.trained * theirs.runs != theirs.trained * mine.runs
    trains = ""
    if unlike or mine.trained < mine.runs:
        trains = f"{mine.text} train, "
    bounds = with_bounds(record.mean, record.low, record.high, options)
    return f"{start}{trains}{bounds}, {plural(record.n, options.unit)}"


def _open(record: Difference, options: Options) -> str:
    if record.n < 2:
        return f"one {options.unit} has no spread"
    return further(record.more, options.unit)


def scope(study: Study, options: Options) -> str:
    """Says whether the verdicts are about tuned arms, or only about the chosen configurations."""
    searched = any(arm.tuned for arm in study.arms)
    is_open_ended = (study.plan.get("search") or {}).get("until") == "decided"
    if options.repeats > 1:
        return (
            "Verdicts are about tuned arms: each arm was searched"
            f" {'at least ' if is_open_ended else ''}{options.repeats} times, and a repeat counts"
            " once, with the mean of its seeds."
        )
    if searched:
        return (
            "Verdicts are about these configurations: each arm was searched once, and seeds do not"
            " show the luck of a search (search.repeats does)."
        )
    return "Verdicts are about these configurations."


def findable(results: Sequence[ArmResult], options: Options) -> str:
    """Says which difference this many units find with 80 % probability, at the median spread.

    The spread is that of the differences of arms whose replicates all trained.
    """
    records = []
    for result in results:
        trained = result.trained.trained == result.trained.runs
        if trained:
            records += [record for record in result.differences.values() if record.sd > 0]
    if not records or options.test != "t":
        return ""
    n = int(statistics.median(record.n for record in records))
    sd = statistics.median(record.sd for record in records)
    effect = detectable(n, Pilot(sd), options.level)
    return (
        f"With {plural(n, options.unit)} and the median spread of these differences, one of"
        f" {show(effect, options)} {options.unit_of_differences} is found with 80 %."
    )

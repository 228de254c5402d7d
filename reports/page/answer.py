"""The answer at the top of the page: a sentence and a mark for each arm, beside the forest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.analysis.answer import lines, scope
from reports.analysis.collect import Study
from reports.analysis.compare import ArmResult
from reports.analysis.options import Options
from reports.analysis.verdicts import Line, Verdict, plural
from reports.analysis.words import metric_header, metric_name, reading, show, with_bounds
from reports.figures.forest import Forest, Row
from reports.figures.style import Look


@dataclass(frozen=True)
class Entry:
    """One arm's line: ``mark`` is the verdict in a word, and ``tone`` its colour.

    ``trained`` is a text such as "3 of 10": the runs that trained, of those in the plan.
    """

    arm: str
    mark: str
    tone: str
    sentence: str
    trained: str
    all_trained: bool


@dataclass(frozen=True)
class Answer:
    """The answer: ``entries`` in the order of the forest's rows, and their common ``scope``."""

    entries: tuple[Entry, ...]
    scope: str
    forest: Forest


def answer(
    study: Study, results: Sequence[ArmResult], options: Options, looks: Mapping[str, Look]
) -> Answer | None:
    """Returns the answer; None before an arm has a value."""
    if not any(result.n for result in results):
        return None
    chance, margin = options.chance, options.margin
    by_arm = {line.arm: line for line in lines(results, options)}
    ordered = by_effect(results, options)
    rows = tuple(row_of(result, results, options) for result in ordered)
    forest = Forest(
        rows=rows,
        looks=dict(looks),
        label=metric_header(options),
        caption=_caption(results, options),
        reference=options.reference,
        baseline=options.baseline,
        chance=None if chance is None else options.factor * chance,
        margin=None if margin is None else options.factor * margin,
    )
    entries = tuple(_entry(result, by_arm.get(result.arm), options) for result in ordered)
    return Answer(entries, scope(study, options), forest)


def by_effect(results: Sequence[ArmResult], options: Options) -> list[ArmResult]:
    """Sorts arms: the reference, then from the worst to the best, then those without a value."""
    sign = 1.0 if options.higher_is_better else -1.0

    def place(result: ArmResult) -> tuple[int, float]:
        if result.arm == options.reference:
            return 0, 0.0
        if math.isnan(result.mean):
            return 2, 0.0
        return 1, sign * result.mean

    return sorted(results, key=place)


def row_of(result: ArmResult, results: Sequence[ArmResult], options: Options) -> Row:
    """Returns an arm's row of the forest, in the unit of its axis."""
    scale = options.factor
    values = tuple(
        scale * value for seed, value in result.values.items() if seed not in result.failed
    )
    ends = (result.mean, result.low, result.high)
    against = options.against[0] if options.against else None
    other = next((found for found in results if found.arm == against), None)
    record = result.differences.get(against or "")
    if other is not None and record is not None and record.n:
        ends = (
            other.mean + record.mean,
            other.mean + record.low,
            other.mean + record.high,
        )
    middle, low, high = (scale * end for end in ends)
    return Row(result.arm, values, len(result.failed), middle, low, high)


def _entry(result: ArmResult, line: Line | None, options: Options) -> Entry:
    trained = f"{result.trained.trained} of {result.planned}"
    whole = result.trained.trained == result.planned
    if line is not None:
        text = _numbers(line, options)
        tone = line.verdict.tone
        mark = line.verdict.removesuffix(" yet")
        return Entry(result.arm, mark, tone, text, trained, whole)
    if math.isnan(result.mean):
        return Entry(result.arm, "no result", "quiet", "", trained, whole)
    unit = " %" if options.percent else ""
    text = f"mean {metric_name(options)} {show(result.mean, options)}{unit}"
    mark = "reference" if result.arm == options.reference else result.role
    return Entry(result.arm, mark, mark, text, trained, whole)


def _numbers(line: Line, options: Options) -> str:
    """Returns the difference with its interval and, if it is undecided, what would decide it."""
    if not line.n:
        return ""
    text = with_bounds(line.mean, line.low, line.high, options)
    if line.verdict is not Verdict.UNDECIDED:
        return text
    if line.n < 2:
        return f"{text}; one {line.unit} has no spread"
    if line.more is None:
        return f"{text}; more {line.unit}s would hardly decide"
    return f"{text}; about {plural(line.more, f'more {line.unit}')} would decide"


def _caption(results: Sequence[ArmResult], options: Options) -> str:
    counts = []
    for result in results:
        counts.append(f"{result.arm} {result.trained.trained} of {result.planned}")
    text = (
        f"{metric_name(options).capitalize()} {reading(options)}. Small marks: one run each. Large"
        " mark and line: the mean and its interval; hollow where one run gives no interval."
    )
    if options.against:
        text += (
            f" For arms other than {options.against[0]} they show the paired difference to it,"
            " drawn from its mean, with the interval that the verdict is based on."
        )
    if any(result.failed for result in results):
        text += " Crosses: runs that failed, at chance level, with their number."
    if options.margin is not None:
        text += " Band: the margin within which differences do not matter."
    return f"{text} Runs that trained: {', '.join(counts)}."

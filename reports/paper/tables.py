"""The paper's tables: the results, the searched ranges, and the chosen values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reports.analysis.collect import Study
from reports.analysis.compare import ArmResult
from reports.analysis.options import Options
from reports.analysis.searched import arms_searched, best_trial, label_of, short_names
from reports.analysis.trials import objective
from reports.analysis.words import DASH, metric_header, show, significant_digits
from reports.paper.latex import Part, label, tabular
from reports.tables.captions import caption
from study.store import Kind, State


def main_table(study: Study, results: Sequence[ArmResult], options: Options) -> str:
    """Returns the table of arms: runs that trained, metric, difference, and verdict."""
    against = options.against[0] if options.against else None
    parts = [
        Part("arm", "l", tuple(result.arm for result in results)),
        Part("trained", "r", tuple(_trained(result) for result in results)),
        Part(metric_header(options), "r", tuple(show(r.mean, options) for r in results)),
        Part(_confidence(options), "r", tuple(_bounds(r.low, r.high, options) for r in results)),
    ]
    if against is not None:
        records = [result.differences.get(against) for result in results]
        means = tuple(DASH if r is None else show(r.mean, options, True) for r in records)
        bounds = [DASH if r is None else _bounds(r.low, r.high, options, True) for r in records]
        verdicts = tuple(DASH if r is None else str(r.verdict) for r in records)
        parts.append(Part(f"difference to {against}", "r", means))
        parts.append(Part("interval", "r", tuple(bounds)))
        parts.append(Part("verdict", "l", verdicts))
    said = caption(study, results, options).replace(" (* decided)", "")
    title = f"Results of {study.name}. {said}"
    reasons = [reason for result in results if (reason := why_failed(study, result))]
    return tabular(parts, title, label(study.name, "main"), reasons)


def _trained(result: ArmResult) -> str:
    return f"{result.trained.trained} of {result.planned}"


def _confidence(options: Options) -> str:
    return f"{100 * options.confidence:g} % CI"


def _bounds(low: float, high: float, options: Options, signed: bool = False) -> str:
    if math.isnan(low):
        return DASH
    return f"[{show(low, options, signed)}, {show(high, options, signed)}]"


def why_failed(study: Study, result: ArmResult) -> str:
    """Returns a note such as 'no_init: 3 of 3 runs did not train; most often: the loss is nan.'

    It is empty if all runs trained.
    """
    rows = study.trials[
        (study.trials["arm"] == result.arm) & (study.trials["kind"] == Kind.REPLICATE)
    ]
    failed = result.trained.runs - result.trained.trained
    if not failed:
        return ""
    text = f"{result.arm}: {failed} of {result.trained.runs} runs did not train"
    unwell = rows[rows["state"].isin([state for state in State if state.is_unwell])]
    reasons = unwell["reason"].dropna().value_counts()
    if len(reasons):
        return f"{text}; most often: {str(reasons.index[0]).rstrip('.')}."
    return f"{text}: their accuracy is at chance level."


def ranges_table(study: Study, options: Options) -> str:
    """Returns the table of searched ranges; an empty text without a search."""
    spaces = study.plan.get("parameters") or {}
    if not spaces or not study.plan.get("search"):
        return ""
    parts = (
        Part("parameter", "l", tuple(spaces)),
        Part("range", "l", tuple(_range(space) for space in spaces.values())),
        Part("scale", "l", tuple(_scale(space) for space in spaces.values())),
    )
    text = (
        f"Searched ranges of {study.name}. An arm searches only the parameters that it has. "
        + selection_rule(study)
    )
    return tabular(parts, text, label(study.name, "ranges"))


def _range(space: dict[str, Any]) -> str:
    if space["type"] == "categorical":
        return "{" + ", ".join(map(str, space["choices"])) + "}"
    return f"[{space['low']:g}, {space['high']:g}]"


def _scale(space: dict[str, Any]) -> str:
    if space["type"] == "categorical":
        return "choice"
    return "logarithmic" if space.get("log") else "linear"


def selection_rule(study: Study) -> str:
    """Returns a sentence on how configurations were chosen."""
    goal = objective(study)
    best = "highest" if goal.higher else "lowest"
    name = label_of(goal).removesuffix(" (%)").replace("val ", "validation ", 1)
    return f"Chosen: the completed trial with the {best} {name}; test data were not read."


def chosen_table(study: Study) -> str:
    """Returns the table of chosen values and completed trials; an empty text without a search."""
    arms = arms_searched(study)
    names = [name for name in study.plan.get("parameters") or {} if name in study.trials]
    if not arms or not names:
        return ""
    rows = study.trials[study.trials["kind"] == Kind.SEARCH]
    counts: list[str] = []
    columns: dict[str, list[str]] = {name: [] for name in names}
    for arm in arms:
        mine = rows[rows["arm"] == arm]
        counts.append(f"{(mine['state'] == State.COMPLETED).sum()} of {len(mine)}")
        best = best_trial(study, arm)
        for name in names:
            columns[name].append(_value(None if best is None else best[name]))
    short = short_names(names)
    parts = [Part("arm", "l", tuple(arms)), Part("completed", "r", tuple(counts))]
    for name in names:
        parts.append(Part(short[name], "r", tuple(columns[name])))
    text = (
        f"Chosen values of {study.name}, and completed of n search trials. {selection_rule(study)}"
    )
    return tabular(parts, text, label(study.name, "chosen"))


def _value(value: Any) -> str:
    if value is None or value != value:
        return DASH
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return significant_digits(float(value))
    return str(value)

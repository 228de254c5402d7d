"""``--dry-run``: the arms, the trials, their cost, and what the design can and cannot show. Trains nothing."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study import store
from study.forecast import disk
from study.forecast import time as estimate
from study.plan import Arm, Plan, own_code


def dry_run(plan: Plan, folder: Path) -> Iterator[str]:
    """The text that is printed, in pieces, for counting weights takes longer than the plan. ``folder``: the study's, whose trials so far
    tell what an epoch takes and how far seeds differ."""
    sizes = disk.weights(plan)
    rows = _rows(plan, folder)
    yield "\n".join(
        [*_arms(plan), *own_code.notes(plan), "", *_trials(plan), *time_left(plan, rows)]
    )
    shown = [*power(plan), *_spread(plan, rows)]
    yield "\n".join([disk.text(plan, folder, rows, sizes()), "", *shown])


def _rows(plan: Plan, folder: Path) -> dict[store.Key, dict[str, Any]]:
    """``trials.csv`` of the arms that the plan has, with None for what is missing."""
    frame = store.trials_frame(folder).astype(object)
    records = frame.where(frame.notna(), None).to_dict("records")
    rows: dict[store.Key, dict[str, Any]] = {}
    for row in records:
        if row["arm"] in plan.by_name:
            key = store.Key(row["arm"], row["kind"], int(row["repeat"]), int(row["number"]))
            rows[key] = {str(name): value for name, value in row.items()}
    return rows


def _arms(plan: Plan) -> list[str]:
    lines = [f"{plan.spec.name}: {len(plan.arms)} arms"]
    for arm in plan.arms:
        change = ", ".join(f"{path}: {value}" for path, value in arm.overrides.items())
        lines.append(
            f"  {arm.name} ({arm.role}): {arm.base}" + (f" with {change}" if change else "")
        )
        lines += [f"    {line}" for line in _space(plan, arm)]
    return lines


def _space(plan: Plan, arm: Arm) -> list[str]:
    lines = []
    if arm.tuned:
        lines.append(f"searches {', '.join(arm.space)}")
    elif plan.spec.tune == "reference" and plan.spec.tuned:
        lines.append(
            f"takes the values chosen for {plan.reference.name} for {', '.join(arm.space) or 'nothing'}"
        )
    else:
        lines.append(
            "is not searched: "
            + ("it has no parameter to search" if plan.spec.tuned else "tune: none, or no search")
        )
    return lines + [f"without {path}: {why}" for path, why in arm.left_out.items()]


def _trials(plan: Plan) -> list[str]:
    search = {arm.name: plan.search_trials(arm) for arm in plan.arms}
    trials = {arm.name: search[arm.name] + len(plan.seeds) for arm in plan.arms}
    epochs = sum(trials[arm.name] * plan.epochs(arm) for arm in plan.arms)
    tuned = [arm for arm in plan.arms if arm.tuned]
    pruner = plan.spec.search.pruner.type if plan.spec.search else "none"
    lines = [
        f"search: {sum(search.values())} trials ({len(tuned)} arms), one training seed"
        + (f", stopped early by {pruner}" if pruner != "none" and tuned else ""),
        f"replicates: {len(plan.arms) * len(plan.seeds)} trials ({len(plan.arms)} arms x {len(plan.seeds)} seeds), "
        "each measured on the test set once",
        f"together: {sum(trials.values())} trials, {epochs:,} epochs{' at most' if pruner != 'none' and tuned else ''}",
    ]
    counts = {search[arm.name] for arm in tuned}
    if len(counts) > 1:
        lines.append(
            f"note: the grids differ in size ({', '.join(map(str, sorted(counts)))} points), and so do the searches"
        )
    budget = {name: limit for name, limit in plan.spec.budget if limit is not None}
    if budget:
        lines.append(
            "budget: "
            + ", ".join(f"{limit:g} {name}" for name, limit in budget.items())
            + ", replicates first"
        )
    return lines


def time_left(plan: Plan, rows: estimate.Rows) -> list[str]:
    """What an epoch of each arm takes and when the study would end, as far as trials have measured it."""
    pace = estimate.paces(plan, rows)
    if pace is None:
        return ["time: no measurement yet; the first trials give one, and this command then tells"]
    known = ", ".join(
        f"{name} {item.seconds:.3g} s ({item.trials})" for name, item in pace.items() if item.trials
    )
    missing = [name for name, item in pace.items() if not item.trials]
    lines = ["an epoch takes (mean over so many trials): " + known]
    if missing:
        lines.append(f"  not measured, taken as the slowest: {', '.join(missing)}")
    at_once = max(1, int(len(os.sched_getaffinity(0)) / plan.spec.resources.cpu))
    one, many = (estimate.seconds_left(plan, rows, {}, number) or 0.0 for number in (1, at_once))
    fits = (
        f", {estimate.duration(many)} with {at_once} at once (the CPUs of this machine)"
        if at_once > 1
        else ""
    )
    return [*lines, f"left: {estimate.duration(one)} with one trial at a time{fits}"]


# ---- what the design can show -------------------------------------------------------------------------------------------


def power(plan: Plan) -> list[str]:
    """The smallest p-value that the seeds can reach, and the difference that they would probably detect, for each family of tests."""
    seeds, pairs = len(plan.seeds), len(plan.spec.report.pairs)
    if seeds < 2:
        return [
            f"{seeds} seed{'s' * (seeds != 1)}: no interval and no test; give replicate.seeds of at least 2"
        ]
    both = f" and {plan.baseline.name}" if plan.baseline is not plan.reference else ""
    lines = _family(plan, _comparisons(plan), f"comparisons with {plan.reference.name}{both}")
    return lines + (_family(plan, pairs, "planned comparison" + "s" * (pairs > 1)) if pairs else [])


def _family(plan: Plan, comparisons: int, what: str) -> list[str]:
    seeds, alpha, strictest = (
        len(plan.seeds),
        1 - plan.spec.report.confidence,
        strictest_alpha(plan, comparisons),
    )
    smallest, detected = 2.0 ** (1 - seeds), detectable(seeds, strictest)
    needed = math.ceil(1 - math.log2(strictest))
    enough = (
        f"enough for {alpha:.3g}"
        if smallest <= strictest
        else f"a single difference needs {strictest:.3g} or less: {needed} seeds"
    )
    return [
        f"{seeds} paired seeds, {comparisons} {what} ({plan.spec.report.correction} correction):",
        f"  the smallest p of a test on ranks or signs is 2^(1 - {seeds}) = {smallest:.4g}; {enough}",
        f"  a paired t-test detects with 80 % probability a difference of {detected:.2f} times the standard deviation of the paired "
        "differences",
        f"  (for example {detected * 0.5:.2f} points where these differ by 0.5 points from seed to seed)",
    ]


def _comparisons(plan: Plan) -> int:
    """With the reference, and with the report's baseline if that is another arm; the pair of these two is compared once."""
    both = plan.baseline is not plan.reference
    return max(1, len(plan.arms) - 1 + (len(plan.arms) - 2 if both else 0))


def strictest_alpha(plan: Plan, comparisons: int) -> float:
    """The p that a single difference must reach: under a correction, that of the first of all comparisons."""
    alpha = 1 - plan.spec.report.confidence
    return alpha / comparisons if plan.spec.report.correction != "none" else alpha


def _spread(plan: Plan, rows: estimate.Rows) -> list[str]:
    """The difference that the seeds would detect in each arm, by the spread of the differences measured so far."""
    reference, lines = plan.reference.name, []
    accuracy: dict[str, dict[Any, float]] = {arm.name: {} for arm in plan.arms}
    for (arm, kind, _, _), row in rows.items():
        if kind == store.Kind.REPLICATE and row.get("test/accuracy") is not None:
            accuracy[arm][row["seed"]] = 100 * float(row["test/accuracy"])
    for name, values in accuracy.items():
        pairs = [
            value - accuracy[reference][seed]
            for seed, value in values.items()
            if seed in accuracy[reference]
        ]
        if name != reference and len(pairs) > 1 and len(plan.seeds) > 1:
            spread = statistics.stdev(pairs)
            found = detectable(len(plan.seeds), strictest_alpha(plan, _comparisons(plan))) * spread
            lines.append(
                f"    {name}: {found:.2f} points, where differences have a spread of {spread:.2f} (n = {len(pairs)})"
            )
    return (
        [f"  with the spread of the replicates so far, of a difference from {reference}:", *lines]
        if lines
        else []
    )


def detectable(seeds: int, alpha: float, wanted: float = 0.8) -> float:
    """The mean difference, in standard deviations of the paired differences, that a two-sided paired t-test finds with
    probability ``wanted``: the d with P(|Z + d sqrt(n)| > t S) = wanted, where Z is normal and S^2 is chi2(n - 1) / (n - 1)."""
    import numpy as np
    from scipy.optimize import brentq
    from scipy.stats import chi2, norm, t

    freedom = seeds - 1
    spread = np.sqrt(chi2.ppf((np.arange(4000) + 0.5) / 4000, freedom) / freedom)
    critical = t.ppf(1 - alpha / 2, freedom) * spread

    def missing(d: float) -> float:
        shift = d * math.sqrt(seeds)
        return float(np.mean(norm.sf(critical - shift) + norm.cdf(-critical - shift))) - wanted

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(brentq(missing, 0.0, high))

"""What a study's design can detect: its comparisons, their level, and the size of differences."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import Any

from eisnn.config.user_code import is_reference
from eisnn.metrics import METRICS, Metric
from study.forecast import power
from study.forecast import time as estimate
from study.plan import Arm, Plan, plan_record
from study.plan.family import comparisons, looks_of
from study.store.records import Kind, State
from study.store.tables import judged_in

USUAL_SPREAD = 0.01  # of paired differences, assumed before any measurement: one point of accuracy


def units(plan: Plan) -> tuple[int, str]:
    """Returns how many units each comparison has, and the word for a unit."""
    if plan.repeats > 1:
        return plan.repeats, "repeats"
    return len(plan.seeds), "paired seeds"


def level_of(plan: Plan) -> float:
    """Returns the level of the test for one comparison of the family."""
    alpha = 1 - plan.spec.report.confidence
    looks = max(1, len(looks_of(plan)))
    if plan.spec.report.correction == "none":
        return alpha / looks
    return alpha / (max(1, len(comparisons(plan))) * looks)


def measure_of(plan: Plan, rows: estimate.Rows) -> Metric | None:
    """Returns the metric that verdicts will rest on; None while only the data can tell."""
    if any(row.get("test/loss") is not None for row in rows.values()):
        return judged_in(rows.values())
    config = plan.reference.config({}, 0)
    can_be_numbers = config.train.loss not in ("cross_entropy", "tet")  # which need classes
    is_unknown = is_reference(config.data.name) and can_be_numbers
    return None if is_unknown else METRICS["test/accuracy"]


def shown(plan: Plan, rows: estimate.Rows) -> list[str]:
    """Returns lines on the differences that the design finds with 80 % probability.

    Assumes a usual spread of differences, and uses that of the replicates so far, if there are any.
    """
    n, unit = units(plan)
    if n < 2:
        advice = "give replicate.seeds of at least 2, or search.repeats"
        return [f"{n} seed{'s' * (n != 1)}: no interval and no test; {advice}"]
    count, report = len(comparisons(plan)), plan.spec.report
    test = power.Rule(level_of(plan), report.test)
    head = f"{n} {unit}, {count} comparison{'s' * (count != 1)} ({report.correction} correction"
    lines = [f"{head}, level {test.level:.2g} each):"]
    if report.test == "sign_flip" and 2.0 ** (1 - n) > test.level:
        needed = math.ceil(1 - math.log2(test.level))
        smallest = f"2^(1 - {n}) = {2.0 ** (1 - n):.4g}"
        lines.append(f"  the smallest p of a sign-flip test is {smallest}: {needed} {unit} needed")
    measure = measure_of(plan, rows)
    lines.append(f"  with {n} {unit} a difference of {_by_usual_spread(n, test, measure)}")
    if plan.repeats == 1 and plan.spec.tuned:
        lines.append(
            "  one search per arm: verdicts are about the configurations that it finds; "
            "search.repeats makes them about the arms"
        )
    return [*lines, *(_by_spread(plan, rows, test, measure) if measure else ())]


def _by_usual_spread(n: int, test: power.Rule, measure: Metric | None) -> str:
    """Says which difference is found if accuracies spread as usual.

    For other metrics, gives the difference as a multiple of the spread.
    """
    found = power.detectable(n, power.Pilot(USUAL_SPREAD), test)
    if measure is not None and measure.is_share:
        return (
            f"{_size(found, measure)} is found with 80 % probability, "
            f"if differences have a spread of {_size(USUAL_SPREAD, measure)} (assumed)"
        )
    size = "no size"
    if not math.isnan(found):
        size = f"{found / USUAL_SPREAD:.2f} times the spread"
    return f"{size} of differences is found with 80 % probability"


def _size(difference: float, measure: Metric) -> str:
    if math.isnan(difference):
        return "no size"
    words = "points" if measure.is_share else f"in {measure.axis}"
    return f"{_number(difference, measure)} {words}"


def _number(value: float, measure: Metric) -> str:
    return f"{100 * value:.2f}" if measure.is_share else f"{measure.factor * value:.3g}"


def _by_spread(plan: Plan, rows: estimate.Rows, test: power.Rule, measure: Metric) -> list[str]:
    """Says which difference is found for each arm, given its replicates' spread and failures."""
    n, _ = units(plan)
    reference = _values(plan, plan.reference.name, rows, measure)
    lines = []
    for arm in plan.arms[1:]:
        found = _values(plan, arm.name, rows, measure)
        pairs = [found[key] - reference[key] for key in found if key in reference]
        if len(pairs) < 2:
            continue
        spread = statistics.stdev(pairs)
        dies, reference_dies = _share_failed(arm, rows), _share_failed(plan.reference, rows)
        drop = statistics.fmean(reference.values()) - _chance(plan)
        pilot = power.Pilot(max(spread, 1e-6))
        if measure.is_share:  # a failure counts as chance, or has no value at all
            pilot = replace(pilot, dies=dies, reference_dies=reference_dies, drop=drop)
        failing = f", and {100 * dies:.0f} % of its replicates fail" if dies else ""
        least = _size(power.detectable(n, pilot, test), measure)
        lines.append(
            f"    {arm.name}: {least}, where differences have a spread of "
            f"{_number(spread, measure)} (n = {len(pairs)}){failing}"
        )
    head = (
        f"  with the spread of the replicates so far, of a difference from {plan.reference.name}:"
    )
    return [head, *lines] if lines else []


def _values(plan: Plan, arm: str, rows: estimate.Rows, measure: Metric) -> dict[Any, float]:
    """Returns the arm's measured values by unit: by repeat (its mean over seeds), or by seed."""
    found: dict[Any, list[float]] = {}
    for key, row in rows.items():
        measured = row.get(measure.name)
        if key[0] == arm and key[1] == Kind.REPLICATE and measured is not None:
            unit = key[2] if plan.repeats > 1 else row["seed"]
            found.setdefault(unit, []).append(float(measured))
    return {unit: statistics.fmean(values) for unit, values in found.items()}


def _share_failed(arm: Arm, rows: estimate.Rows) -> float:
    """Returns the share of the arm's ended replicates that failed."""
    states = [
        State(row["state"])
        for key, row in rows.items()
        if key[0] == arm.name and key[1] == Kind.REPLICATE and State(row["state"]).is_final
    ]
    return statistics.fmean(state.is_unwell for state in states) if states else 0.0


def _chance(plan: Plan) -> float:
    classes = plan_record(plan)["classes"]
    return 1 / classes if classes else 0.0

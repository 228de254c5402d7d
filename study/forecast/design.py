"""What a study's design can show: how many comparisons it has, at which level, of which size."""

from __future__ import annotations

import math
import statistics
from typing import Any

from study.forecast import power
from study.forecast import time as estimate
from study.plan import Arm, Plan, plan_record
from study.plan.family import comparisons, looks_of
from study.store.records import Kind, State

USUAL_SPREAD = 0.01  # of paired differences, where nothing has been measured: one point of accuracy


def units(plan: Plan) -> tuple[int, str]:
    """How many units each comparison has, and what a unit is."""
    if plan.repeats > 1:
        return plan.repeats, "repeats"
    return len(plan.seeds), "paired seeds"


def level_of(plan: Plan) -> float:
    """The level that is left to one comparison of the family."""
    alpha = 1 - plan.spec.report.confidence
    looks = max(1, len(looks_of(plan)))
    if plan.spec.report.correction == "none":
        return alpha / looks
    return alpha / (max(1, len(comparisons(plan))) * looks)


def shown(plan: Plan, rows: estimate.Rows) -> list[str]:
    """What the design finds with 80 % probability, by the spread so far or a usual one."""
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
    found = power.detectable(n, power.Pilot(USUAL_SPREAD), test)
    lines.append(
        f"  with {n} {unit} a difference of {_points(found)} is found with 80 % probability, "
        f"if differences have a spread of {_points(USUAL_SPREAD)} (assumed)"
    )
    if plan.repeats == 1 and plan.spec.tuned:
        lines.append(
            "  one search per arm: verdicts are about the configurations that it finds; "
            "search.repeats makes them about the arms"
        )
    return [*lines, *_by_spread(plan, rows, test)]


def _points(difference: float) -> str:
    return "no size" if math.isnan(difference) else f"{100 * difference:.2f} points"


def _by_spread(plan: Plan, rows: estimate.Rows, test: power.Rule) -> list[str]:
    """What is found of each arm, by the spread and the failures of its replicates so far."""
    n, _ = units(plan)
    reference = _values(plan, plan.reference.name, rows)
    lines = []
    for arm in plan.arms[1:]:
        found = _values(plan, arm.name, rows)
        pairs = [found[key] - reference[key] for key in found if key in reference]
        if len(pairs) < 2:
            continue
        spread = statistics.stdev(pairs)
        dies, reference_dies = _share_failed(arm, rows), _share_failed(plan.reference, rows)
        drop = statistics.fmean(reference.values()) - _chance(plan)
        pilot = power.Pilot(max(spread, 1e-6), dies, reference_dies, drop)
        failing = f", and {100 * dies:.0f} % of its replicates fail" if dies else ""
        lines.append(
            f"    {arm.name}: {_points(power.detectable(n, pilot, test))}, where differences have "
            f"a spread of {100 * spread:.2f} (n = {len(pairs)}){failing}"
        )
    head = (
        f"  with the spread of the replicates so far, of a difference from {plan.reference.name}:"
    )
    return [head, *lines] if lines else []


def _values(plan: Plan, arm: str, rows: estimate.Rows) -> dict[Any, float]:
    """The arm's test accuracies by unit: by repeat (its mean over seeds), or by seed."""
    found: dict[Any, list[float]] = {}
    for key, row in rows.items():
        measured = row.get("test/accuracy")
        if key[0] == arm and key[1] == Kind.REPLICATE and measured is not None:
            unit = key[2] if plan.repeats > 1 else row["seed"]
            found.setdefault(unit, []).append(float(measured))
    return {unit: statistics.fmean(values) for unit, values in found.items()}


def _share_failed(arm: Arm, rows: estimate.Rows) -> float:
    """How often the arm's replicates failed, of those that have ended."""
    states = [
        State(row["state"])
        for key, row in rows.items()
        if key[0] == arm.name and key[1] == Kind.REPLICATE and State(row["state"]).is_final
    ]
    return sum(state.is_unwell for state in states) / len(states) if states else 0.0


def _chance(plan: Plan) -> float:
    classes = plan_record(plan)["classes"]
    return 1 / classes if classes else 0.0

"""Compares a study's arms: one record, a row of the main table, for each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from reports.analysis import outcomes, statistics
from reports.analysis.arm import GONE, Arm
from reports.analysis.collect import STATES, Study
from reports.analysis.costs import COSTS
from reports.analysis.differences import Difference, differences
from reports.analysis.options import Options
from reports.analysis.outcomes import Trained
from study.store import Kind, State


@dataclass(frozen=True)
class ArmResult:
    """One row of the main table.

    ``values`` is by seed, with failures at chance; ``failed`` holds only these. ``other`` is the
    mean of the reading that was not chosen (last or best epoch). ``planned`` counts the replicates
    that the plan asks for.
    """

    arm: str
    role: str
    planned: int
    values: Mapping[int, float]
    mean: float
    sd: float
    low: float
    high: float
    other: float
    differences: Mapping[str, Difference]
    costs: Mapping[str, float]
    states: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # kind -> state -> count
    trained: Trained = field(default_factory=Trained)
    failed: Mapping[int, float] = field(default_factory=dict)
    factors: tuple[str, ...] = ()
    units: int = 0

    @property
    def n(self) -> int:
        return len(self.values)


def main_table(study: Study, options: Options) -> list[ArmResult]:
    """Returns one record per arm, in the plan's order."""
    values = outcomes.values(study, options)
    other_column = f"{options.metric}_best" if options.at == "last" else options.metric
    other = pd.Series(dtype=float)
    if other_column in study.trials:
        other = outcomes.values(study, options, other_column).mean()
    trained = {arm: outcomes.trained(study, options, arm) for arm in study.arm_names}
    found = differences(study, values, trained, options)
    rows = outcomes.replicates(study)
    completed = rows[rows["state"] == State.COMPLETED]
    costs = completed.groupby("arm")[list(COSTS)].mean()
    if study.on_cpu:
        # Workers on the CPU are reused, so their peak memory may be that of an earlier trial.
        costs["peak_memory_mb"] = math.nan
    failed = rows[rows["state"].isin(outcomes.FAILURES)]
    results = []
    for arm in study.arms:
        name = arm.name
        x = values[name].dropna()
        units = outcomes.per_unit(x, options)
        mean = float(units.mean()) if len(units) else math.nan
        sd = float(units.std(ddof=1)) if len(units) > 1 else math.nan
        low, high = statistics.interval(units, options.confidence, options.method)
        keys: list[Any] = list(x.index)  # (repeat, seed)
        by_seed = {int(seed): float(value) for (_, seed), value in zip(keys, x, strict=True)}
        dead = {int(seed) for seed in failed.loc[failed["arm"] == name, "seed"]}
        cost = dict.fromkeys(COSTS, math.nan)
        if name in costs.index:
            cost = dict(zip(COSTS, map(float, costs.loc[name]), strict=True))
        results.append(
            ArmResult(
                arm=name,
                role=arm.role,
                planned=planned_replicates(study, arm),
                values=by_seed,
                mean=mean,
                sd=sd,
                low=_within(low, options),
                high=_within(high, options),
                other=float(other.get(name, math.nan)),
                differences={
                    against: found[name, against] for against in options.against if against != name
                },
                costs=cost,
                states=state_counts(study, name),
                trained=trained[name],
                failed={seed: value for seed, value in by_seed.items() if seed in dead},
                factors=arm.factors or (),
                units=len(units),
            )
        )
    return results


def planned_replicates(study: Study, arm: Arm) -> int:
    """Returns how many replicates the plan asks for, or how many there are if these are more."""
    rows = outcomes.replicates(study)
    there = int((rows["arm"] == arm.name).sum())
    if arm.role == GONE:
        return there
    seeds = int(study.plan.get("seeds") or 0)
    return max(there, seeds * int(study.plan.get("repeats") or 1))


def _within(bound: float, options: Options) -> float:
    """Cuts an accuracy's interval at 0 and 1, which cannot reduce its coverage."""
    if not options.percent:
        return bound
    return float(np.clip(bound, 0.0, 1.0))


def comparison_family(results: Sequence[ArmResult], options: Options) -> list[Difference]:
    """Returns the main table's comparisons with a number; reference and baseline pair once."""
    once = options.against[0] if len(options.against) == 2 else None
    found = []
    for result in results:
        if result.arm != once:
            found += [record for record in result.differences.values() if record.n]
    return found


def state_counts(study: Study, arm: str) -> dict[str, dict[str, int]]:
    """Returns kind -> state -> count, in the usual order, without states that do not occur."""
    mine = study.trials[study.trials["arm"] == arm]
    counts: dict[str, dict[str, int]] = {}
    for kind in Kind:
        found = count_states(mine.loc[mine["kind"] == kind, "state"])
        if found:
            counts[str(kind)] = found
    return counts


def count_states(states: pd.Series) -> dict[str, int]:
    """Returns state -> count, in the usual order, without states that do not occur."""
    found = {str(state): int(count) for state, count in states.value_counts().items()}
    order = [*STATES, *sorted(set(found) - set(STATES))]
    return {str(state): found[state] for state in order if state in found}

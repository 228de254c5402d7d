"""A study -> the comparison between its arms, as records: replicates only, one family.

Units are paired: the difference of two arms is taken seed by seed, and averaged over the seeds of a
repeat where the search was repeated. One family of tests holds every comparison that the plan names
(arms against the reference, arms against the baseline, planned pairs, claims), whether or not its
arms have values yet, so that an arm that dies changes nothing for the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from reports.analysis import outcomes, statistics
from reports.analysis.collect import GONE, STATES, Study
from reports.analysis.options import COSTS, Options, options_for
from reports.analysis.outcomes import Trained
from reports.analysis.verdicts import Verdict, verdict
from study.store import Kind, State

__all__ = ["COSTS", "ArmResult", "Difference", "Options", "main_table", "options_for"]

Pair = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """``mean`` of (arm - against) over ``n`` shared units, in the metric's unit.

    [low, high] is the simultaneous interval that the verdict states; it is unadjusted where
    ``adjusted`` is False. ``units``: the differences themselves. ``more``: so many further units
    would decide if mean and spread stay; None if none would.
    """

    against: str
    n: int
    mean: float = math.nan
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_corrected: float = math.nan
    effect: float = math.nan  # Hedges-corrected d_z
    verdict: Verdict = Verdict.NO_RESULT
    adjusted: bool = True
    more: int | None = None
    p_trains: float = math.nan  # exact McNemar test on training at all
    units: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ArmResult:
    """One row of the main table.

    ``values`` is by seed, failures at chance; ``failed`` holds those failures alone. ``other`` is
    the mean of the reading that was not chosen (last or best). ``planned``: replicates that the
    plan asks for.
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
    """One record per arm, in the plan's order."""
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
        # A worker that is used again holds the memory of earlier trials: it is not this one's.
        costs["peak_memory_mb"] = math.nan
    failed = rows[rows["state"].isin(outcomes.FAILURES)]
    results = []
    for arm in study.arms:
        name = arm["name"]
        x = values[name].dropna()
        units = outcomes.per_unit(x, options)
        low, high = statistics.interval(units, options.confidence, options.method)
        by_seed = {int(seed): float(value) for (_, seed), value in x.items()}
        dead = {int(seed) for seed in failed.loc[failed["arm"] == name, "seed"]}
        no_costs = dict.fromkeys(COSTS, math.nan)
        results.append(
            ArmResult(
                arm=name,
                role=arm["role"],
                planned=planned_replicates(study, arm),
                values=by_seed,
                mean=float(units.mean()) if len(units) else math.nan,
                sd=float(units.std(ddof=1)) if len(units) > 1 else math.nan,
                low=_within(low, options),
                high=_within(high, options),
                other=float(other.get(name, math.nan)),
                differences={
                    against: found[name, against] for against in options.against if against != name
                },
                costs=costs.loc[name].to_dict() if name in costs.index else no_costs,
                states=state_counts(study, name),
                trained=trained[name],
                failed={seed: value for seed, value in by_seed.items() if seed in dead},
                factors=tuple(arm.get("factors") or ()),
                units=len(units),
            )
        )
    return results


def planned_replicates(study: Study, arm: Mapping[str, object]) -> int:
    """As many as the plan asks for, or as there are, if an earlier plan asked for more."""
    rows = outcomes.replicates(study)
    there = int((rows["arm"] == arm["name"]).sum())
    if arm["role"] == GONE:
        return there
    seeds = int(study.plan.get("seeds") or 0)
    return max(there, seeds * int(study.plan.get("repeats") or 1))


def _within(bound: float, options: Options) -> float:
    """An accuracy lies in [0, 1], so its interval does too (its coverage cannot fall by that)."""
    return float(np.clip(bound, 0.0, 1.0)) if options.percent else bound


def difference_units(values: pd.DataFrame, pair: Pair, options: Options) -> pd.Series:
    """Arm minus the other, by unit. Rounded, since 0.98 - 0.95 and 0.97 - 0.94 are the same."""
    one, other = pair
    return outcomes.per_unit(values[one] - values[other], options).round(12)


def differences(
    study: Study,
    values: pd.DataFrame,
    trained: Mapping[str, Trained],
    options: Options,
) -> dict[Pair, Difference]:
    """Every comparison of the page, judged as one family.

    They are with the reference, with the baseline, planned pairs, and claims.

    (reference, baseline) is the same test as (baseline, reference), and so is any pair turned
    round: each is judged once and read from both sides.
    """
    wanted = [(arm, other) for other in options.against for arm in values.columns if arm != other]
    wanted += [*options.pairs, *((claim.arm, claim.against) for claim in options.claims)]
    once: dict[frozenset[str], Pair] = {}
    for pair in wanted:
        if pair != options.against:
            once.setdefault(frozenset(pair), pair)
    units = {pair: difference_units(values, pair, options) for pair in once.values()}
    ablations = {arm["name"] for arm in study.arms if arm["role"] == "ablation"}
    records = judged(units, ablations, options)
    found = {}
    for pair in wanted:
        known = once.get(frozenset(pair), (pair[1], pair[0]))
        record = records[known]
        record = replace(record, p_trains=outcomes.p_trains(trained[known[0]], trained[known[1]]))
        found[pair] = record if known == pair else turned(record, pair[1])
    return found


def judged(
    units: Mapping[Pair, pd.Series], ablations: set[str], options: Options
) -> dict[Pair, Difference]:
    """One family of tests: each comparison's interval, adjusted p and verdict."""
    tests = {
        pair: statistics.paired(d, _interval_level(options), options.resolution)
        for pair, d in units.items()
    }
    plain = [test.p for test in tests.values()]
    if options.test == "sign_flip":
        table = pd.concat(list(units.values()), axis=1) if units else pd.DataFrame()
        alpha = options.alpha / options.looks
        joint, critical = statistics.joint_sign_flips(table.to_numpy(), alpha, options.resolution)
        plain = [statistics.sign_flip_p(d) for d in units.values()]
        tests = {pair: _with_half(test, critical) for pair, test in tests.items()}
        corrected = joint
    else:
        corrected = statistics.corrected(plain, options.correction, options.comparisons)
    found = {}
    for (pair, test), p, q in zip(tests.items(), plain, corrected, strict=True):
        d = units[pair]
        record = Difference(
            against=pair[1],
            n=test.n,
            mean=test.mean,
            sd=test.sd,
            low=test.low,
            high=test.high,
            p=p,
            p_corrected=float(np.minimum(1.0, q * options.looks)),
            effect=statistics.effect_size(d, options.resolution),
            adjusted=options.test == "sign_flip" or options.correction == "single_step",
            units=dict(zip(map(int, d.index), map(float, d), strict=True)),
        )
        ablation = pair[0] in ablations and pair[1] == options.reference
        found[pair] = _with_verdict(record, ablation, options)
    return found


def _interval_level(options: Options) -> float:
    """Of the interval that is printed. Holm's p-values have no intervals: they stay unadjusted."""
    if options.test == "t" and options.correction == "holm":
        return options.alpha / options.looks
    return options.level


def _with_half(test: statistics.Paired, critical: float) -> statistics.Paired:
    """The interval that says the same as the joint sign-flip test.

    There is none if n is too small for it.
    """
    if test.n < 2 or math.isinf(critical):
        return replace(test, low=math.nan, high=math.nan)
    half = critical * test.sd / math.sqrt(test.n)
    return replace(test, low=test.mean - half, high=test.mean + half)


def _with_verdict(record: Difference, ablation: bool, options: Options) -> Difference:
    if not record.n:
        return record
    low, high = simultaneous(record, options)
    holm = options.test == "t" and options.correction == "holm"
    better = options.better
    word = verdict(low, high, better=better, margin=options.margin, ablation=ablation)
    if holm and not word.is_decided and record.p_corrected <= options.alpha:
        # Holm's p finds what Bonferroni's interval leaves open.
        word = verdict(record.mean, record.mean, better=better, ablation=ablation)
    more = None
    if not word.is_decided:
        least = 2
        if options.test == "sign_flip":
            least = statistics.least_for_sign_flips(options.alpha / options.looks)
        more = statistics.units_needed(
            record.n, record.mean, record.sd, options.level, options.margin, least
        )
    return replace(record, verdict=word, more=more)


def simultaneous(record: Difference, options: Options) -> tuple[float, float]:
    """Bounds that hold for the whole family together.

    Holm's p-values have none, so Bonferroni's stand in for them.
    """
    if options.test == "sign_flip" or options.correction != "holm" or record.n < 2:
        return record.low, record.high
    half = statistics.t_half(record.n, record.sd, options.level)
    return record.mean - half, record.mean + half


def turned(record: Difference, against: str) -> Difference:
    """The same comparison, seen from the other arm."""
    return replace(
        record,
        against=against,
        mean=-record.mean,
        low=-record.high,
        high=-record.low,
        effect=-record.effect,
        verdict=record.verdict.turned,
        units={unit: -value for unit, value in record.units.items()},
    )


def comparison_family(results: Sequence[ArmResult], options: Options) -> list[Difference]:
    """The main table's comparisons that have a number (reference against baseline counts once)."""
    once = options.against[0] if len(options.against) == 2 else None
    found = []
    for result in results:
        if result.arm != once:
            found += [record for record in result.differences.values() if record.n]
    return found


def state_counts(study: Study, arm: str) -> dict[str, dict[str, int]]:
    """kind -> state -> count, states in their usual order, those that do not occur left out."""
    mine = study.trials[study.trials["arm"] == arm]
    counts: dict[str, dict[str, int]] = {}
    for kind in Kind:
        found = count_states(mine.loc[mine["kind"] == kind, "state"])
        if found:
            counts[str(kind)] = found
    return counts


def count_states(states: pd.Series) -> dict[str, int]:
    """state -> count in the order in which people read them, those that do not occur left out."""
    found = {str(state): int(count) for state, count in states.value_counts().items()}
    order = [*STATES, *sorted(set(found) - set(STATES))]
    return {str(state): found[state] for state in order if state in found}

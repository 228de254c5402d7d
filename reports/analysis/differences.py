"""Differences between arms, judged as one family of tests.

Units are paired: two arms are compared seed by seed and, if the search was repeated, the
differences are averaged over the seeds of a repeat. One family of tests holds every comparison that
the plan names (arms with the reference, arms with the baseline, planned pairs, claims), even if its
arms have no values yet, so that a failed arm changes nothing for the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from reports.analysis import outcomes, statistics
from reports.analysis.collect import Study
from reports.analysis.options import Options
from reports.analysis.outcomes import Trained
from reports.analysis.verdicts import Verdict, verdict

Pair = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """``mean`` of (arm - against) over ``n`` shared units, in the metric's unit.

    [low, high] is the simultaneous interval that the verdict is based on; it is unadjusted if
    ``adjusted`` is False. ``units`` holds the differences themselves. ``more`` is the number of
    further units that would decide if mean and spread stay the same; None if none would.
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


def difference_units(values: pd.DataFrame, pair: Pair, options: Options) -> pd.Series:
    """Returns arm minus other, by unit, rounded so that 0.98 - 0.95 equals 0.97 - 0.94."""
    one, other = pair
    return outcomes.per_unit(values[one] - values[other], options).round(12)


def differences(
    study: Study,
    values: pd.DataFrame,
    trained: Mapping[str, Trained],
    options: Options,
) -> dict[Pair, Difference]:
    """Returns every comparison of the page, judged as one family.

    These are comparisons with the reference and with the baseline, planned pairs, and claims. A
    pair and its reverse are the same test, which is judged once.
    """
    wanted: list[Pair] = []
    for other in options.against:
        wanted += ((arm, other) for arm in values.columns if arm != other)
    wanted += [*options.pairs, *((claim.arm, claim.against) for claim in options.claims)]
    once: dict[frozenset[str], Pair] = {}
    for pair in wanted:
        if pair != options.against:
            once.setdefault(frozenset(pair), pair)
    units = {pair: difference_units(values, pair, options) for pair in once.values()}
    ablations = {arm.name for arm in study.arms if arm.role == "ablation"}
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
    """Judges one family of tests: gives each comparison its interval, adjusted p and verdict."""
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
    """Returns the level of the printed interval; with Holm's p-values it stays unadjusted."""
    if options.test == "t" and options.correction == "holm":
        return options.alpha / options.looks
    return options.level


def _with_half(test: statistics.Paired, critical: float) -> statistics.Paired:
    """Gives the test the interval that agrees with the joint sign-flip test.

    The bounds are NaN if n is too small for one.
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
        # Holm's p may decide a comparison that Bonferroni's interval leaves open.
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
    """Returns bounds that hold for the whole family together.

    Holm's correction has no such bounds, so it gets Bonferroni's.
    """
    if options.test == "sign_flip" or options.correction != "holm" or record.n < 2:
        return record.low, record.high
    half = statistics.t_half(record.n, record.sd, options.level)
    return record.mean - half, record.mean + half


def turned(record: Difference, against: str) -> Difference:
    """Returns the same comparison, seen from the other arm."""
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

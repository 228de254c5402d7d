"""Study -> the comparison between its arms, as records: replicates only, paired by seed, corrected over the whole table.

Only trials of kind ``replicate`` that completed give a value. An arm whose replicates all diverged has no value and no difference.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from reports.analysis import statistics
from reports.analysis.collect import STATES, Study, StudyError
from reports.analysis.statistics import Correction, Method

COSTS = {  # what an axis says, and the factor from the stored unit to that one
    "parameters": ("parameters", 1.0),
    "seconds_per_epoch": ("training time per epoch (s)", 1.0),
    "peak_memory_mb": ("peak memory (MB)", 1.0),
    "macs": ("multiply-accumulates per image (M)", 1e-6),
    "acs": ("accumulates per image (M)", 1e-6),
    "energy_nj": ("estimated energy per image (µJ)", 1e-3),
    "firing_rate": ("firing rate (spikes per cell and step)", 1.0),
}


@dataclass(frozen=True)
class Options:
    """What to compare, on what, and how sure to be. ``column`` is where the metric's chosen reading stands in trials.csv."""

    metric: str = "test/accuracy"
    at: str = "last"  # last | best: the weights of the last epoch, or of the best validation epoch
    reference: str | None = None
    baseline: str | None = None
    alpha: float = 0.05
    correction: Correction = "holm"
    method: Method = "t"
    pairs: tuple[
        tuple[str, str], ...
    ] = ()  # planned comparisons (arm, other), a family of their own
    pairs_asked: bool = False  # named on the command line, not in the study file

    @property
    def column(self) -> str:
        return self.metric if self.at == "last" else f"{self.metric}_best"

    @property
    def confidence(self) -> float:
        return 1 - self.alpha

    @property
    def percent(self) -> bool:
        return "accuracy" in self.metric or self.metric == "firing_rate"

    @property
    def higher_is_better(self) -> bool:
        return "accuracy" in self.metric

    @property
    def against(self) -> tuple[str, ...]:
        """The arms that every other one is compared with: the reference, then the baseline."""
        return tuple(dict.fromkeys(name for name in (self.reference, self.baseline) if name))


@dataclass(frozen=True)
class Difference:
    """``mean`` of (arm - against) over ``n`` shared seeds, in the metric's unit."""

    against: str
    n: int
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    p_corrected: float = math.nan
    effect: float = math.nan  # Hedges-corrected d_z
    verdict: str = "no paired seeds"


@dataclass(frozen=True)
class ArmResult:
    """One row of the main table. ``values`` is by seed; ``other`` is the mean of the reading that was not chosen (last or best)."""

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

    @property
    def n(self) -> int:
        return len(self.values)


def options_for(
    study: Study,
    *,
    baseline: str | None = None,
    reference: str | None = None,
    metric: str | None = None,
    at: str = "last",
    alpha: float | None = None,
    method: Method = "t",
    pairs: Sequence[tuple[str, str]] = (),
) -> Options:
    """The user's wishes over plan.json's over the defaults. StudyError for an arm or a metric that is not there."""
    named = [
        ("--baseline", baseline),
        ("--reference", reference),
        *(("--pair", name) for pair in pairs for name in pair),
    ]
    for option, name in named:
        if name is not None and name not in study.arm_names:
            raise StudyError(
                f"{option}: no arm {name!r} in this study; {_choices(name, study.arm_names)}"
            )
    if alpha is not None and not 0 < alpha < 1:
        raise StudyError(f"--alpha must lie between 0 and 1; got {alpha:g}.")
    if same := [one for one, other in pairs if one == other]:
        raise StudyError(f"--pair: an arm cannot be compared with itself; got {same[0]} twice.")
    options = Options(
        metric=metric or "test/accuracy",
        at=at,
        reference=reference or study.of_role("reference"),
        baseline=baseline or study.of_role("baseline"),
        alpha=alpha
        if alpha is not None
        else round(1 - float(study.plan.get("confidence", 0.95)), 9),
        correction=study.plan.get("correction", "holm"),
        method=method,
        pairs=tuple(dict.fromkeys((one, other) for one, other in pairs)) or study.pairs,
        pairs_asked=bool(pairs),
    )
    numbers = study.trials.select_dtypes("number").columns
    if options.column not in numbers:
        known = [name for name in numbers if "/" in name or name in COSTS]
        raise StudyError(
            f"--metric: trials.csv has no numbers {options.column!r} (--at {at}); {_choices(options.column, known)}"
        )
    return options


def _choices(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none yet'}."


def replicates(study: Study) -> pd.DataFrame:
    return study.trials[study.trials["kind"] == "replicate"]


def by_seed(study: Study, column: str) -> pd.DataFrame:
    """[seed x arm]: each completed replicate's value; NaN where there is none. Columns are all arms, in the plan's order."""
    done = replicates(study)
    done = done[(done["state"] == "completed") & done[column].notna() & done["seed"].notna()]
    done = done.drop_duplicates(["arm", "seed"], keep="last")
    table = (
        done.pivot(index="seed", columns="arm", values=column)
        .reindex(columns=study.arm_names)
        .astype(float)
    )
    table.index = table.index.astype(int)
    return table.sort_index()


def main_table(study: Study, options: Options) -> list[ArmResult]:
    """One record per arm, in the plan's order."""
    values = by_seed(study, options.column)
    other_column = f"{options.metric}_best" if options.at == "last" else options.metric
    other = (
        by_seed(study, other_column).mean()
        if other_column in study.trials
        else pd.Series(dtype=float)
    )
    differences = _differences(values, options)
    done = replicates(study)
    costs = done[done["state"] == "completed"].groupby("arm")[list(COSTS)].mean()
    results = []
    for arm in study.arms:
        name = arm["name"]
        x = values[name].dropna()
        low, high = _within_range(
            statistics.interval(x, options.confidence, options.method), options
        )
        results.append(
            ArmResult(
                arm=name,
                role=arm["role"],
                planned=int((done["arm"] == name).sum()),
                values={int(seed): float(value) for seed, value in x.items()},
                mean=float(x.mean()) if len(x) else math.nan,
                sd=float(x.std(ddof=1)) if len(x) > 1 else math.nan,
                low=low,
                high=high,
                other=float(other.get(name, math.nan)),
                differences={
                    against: differences[name, against]
                    for against in options.against
                    if against != name
                },
                costs=costs.loc[name].to_dict()
                if name in costs.index
                else dict.fromkeys(COSTS, math.nan),
                states=state_counts(study, name),
            )
        )
    return results


def _within_range(bounds: tuple[float, float], options: Options) -> tuple[float, float]:
    """An accuracy lies in [0, 1], so its interval does too (its coverage cannot fall by that)."""
    if not options.percent:
        return bounds
    return tuple(np.clip(bounds, 0.0, 1.0).tolist())


def _differences(values: pd.DataFrame, options: Options) -> dict[tuple[str, str], Difference]:
    """Every arm against each of ``options.against``; one family of tests: the baseline against the reference counts once."""
    plain = {
        (arm, against): difference(values[arm], values[against], against, options)
        for against in options.against
        for arm in values.columns
        if arm != against
    }
    family = [
        key for key in plain if key != options.against
    ]  # (reference, baseline) is the same test as (baseline, reference)
    found = dict(zip(family, judged([plain[key] for key in family], options), strict=True))
    if options.against in plain:
        found[options.against] = turned(found[options.against[::-1]], options.against[1])
    return found


def judged(family: Sequence[Difference], options: Options) -> list[Difference]:
    """One family of tests, corrected over all that could be made, each with its verdict."""
    p = statistics.corrected([record.p for record in family], options.correction)
    possible = statistics.can_be_significant(
        [record.n for record in family], options.alpha, options.correction
    )
    alpha, higher = options.alpha, options.higher_is_better
    return [
        replace(
            record,
            p_corrected=q,
            verdict=statistics.verdict(record.mean, record.n, q, can, alpha, higher),
        )
        for record, q, can in zip(family, p, possible, strict=True)
    ]


def turned(record: Difference, against: str) -> Difference:
    """The same comparison, seen from the other arm."""
    words = {statistics.BETTER: statistics.WORSE, statistics.WORSE: statistics.BETTER}.get(
        record.verdict, record.verdict
    )
    return replace(
        record,
        against=against,
        mean=-record.mean,
        low=-record.high,
        high=-record.low,
        effect=-record.effect,
        verdict=words,
    )


def difference(arm: pd.Series, other: pd.Series, against: str, options: Options) -> Difference:
    """The paired difference by itself: interval, p and effect size; no verdict, which needs the family."""
    d = (
        (arm - other).dropna().to_numpy().round(12)
    )  # 0.98 - 0.95 and 0.97 - 0.94 are the same difference
    if not d.size:
        return Difference(against, 0)
    low, high = statistics.interval(d, options.confidence, options.method)
    return Difference(
        against,
        d.size,
        float(d.mean()),
        low,
        high,
        statistics.sign_flip_p(d),
        effect=statistics.effect_size(d),
    )


def comparison_family(results: Sequence[ArmResult], options: Options) -> list[Difference]:
    """The family: every different test of the main table that could be made (reference against baseline counts once)."""
    once = options.against[0] if len(options.against) == 2 else None
    return [
        record
        for result in results
        if result.arm != once
        for record in result.differences.values()
        if record.n
    ]


def state_counts(study: Study, arm: str) -> dict[str, dict[str, int]]:
    """kind -> state -> count, states in their usual order, those that do not occur left out."""
    mine = study.trials[study.trials["arm"] == arm]
    counts: dict[str, dict[str, int]] = {}
    for kind in ("search", "replicate"):
        found = count_states(mine.loc[mine["kind"] == kind, "state"])
        if found:
            counts[kind] = found
    return counts


def count_states(states: pd.Series) -> dict[str, int]:
    """state -> count in the order in which people read them, those that do not occur left out."""
    found = {str(state): int(count) for state, count in states.value_counts().items()}
    return {
        state: found[state]
        for state in (*STATES, *sorted(set(found) - set(STATES)))
        if state in found
    }

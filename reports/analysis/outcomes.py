"""The value of every replicate, in which a failure counts as chance level instead of a gap.

A replicate that diverged, was silent or saturated, or ran out of memory is as good as a network
that guesses: 1 / classes for accuracy, log(classes) for loss. Without such replicates, only
survivors would be compared, and an arm that fails for 4 of 10 seeds could look better than one that
trains for all. A failure of the surroundings (``failed``) says nothing about the network, so it has
no value and is tried again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from reports.analysis import statistics
from reports.analysis.collect import Study
from reports.analysis.options import Options
from study.store import Kind, State

FAILURES = tuple(state for state in State if state.is_chance)
KEYS = ["repeat", "seed"]


def replicates(study: Study) -> pd.DataFrame:
    """Returns the study's replicates, one row per arm, repeat and seed."""
    rows = study.trials[study.trials["kind"] == Kind.REPLICATE]
    rows = rows[rows["seed"].notna()]
    return rows.drop_duplicates(["arm", *KEYS], keep="last")


def values(study: Study, options: Options, column: str | None = None) -> pd.DataFrame:
    """Returns each replicate's value [(repeat, seed) x arm], with failures at chance.

    Missing values are NaN. The columns are all arms, in the plan's order.
    """
    column = column or options.column
    rows = replicates(study)
    value = rows[column].where(rows["state"] == State.COMPLETED).astype(float)
    if options.chance is not None:
        value = value.mask(rows["state"].isin(FAILURES), options.chance)
    rows = rows.assign(value=value).dropna(subset=["value"])
    table = rows.pivot(index=KEYS, columns="arm", values="value")
    return table.reindex(columns=study.arm_names).astype(float).sort_index()


def per_unit(series: pd.Series, options: Options) -> pd.Series:
    """Returns one number per unit of the tests: each seed's, or the mean over a repeat's seeds."""
    level = "repeat" if options.unit == "repeat" else "seed"
    return series.dropna().groupby(level=level).mean()


@dataclass(frozen=True)
class Trained:
    """How many of an arm's replicates trained at all, and how well those did.

    [low, high] is Wilson's 95 % interval of the share that trained. ``mean`` is the chosen metric
    over the replicates that trained. ``seeds`` tells whether each (repeat, seed) trained.
    """

    trained: int = 0
    runs: int = 0
    low: float = math.nan
    high: float = math.nan
    mean: float = math.nan
    seeds: Mapping[tuple[int, int], bool] | None = None

    @property
    def text(self) -> str:
        """A text such as '6 of 10'."""
        return f"{self.trained} of {self.runs}"


def trained(study: Study, options: Options, arm: str) -> Trained:
    """Counts the replicates that trained: they completed, three standard errors above chance."""
    rows = replicates(study)
    rows = rows[(rows["arm"] == arm) & rows["state"].isin((State.COMPLETED, *FAILURES))]
    if rows.empty:
        return Trained()
    well = (rows["state"] == State.COMPLETED) & ~at_chance(rows, options)
    low, high = statistics.wilson(int(well.sum()), len(rows))
    keys = zip(rows["repeat"].astype(int), rows["seed"].astype(int), strict=True)
    return Trained(
        trained=int(well.sum()),
        runs=len(rows),
        low=low,
        high=high,
        mean=float(rows.loc[well, options.column].mean()),
        seeds=dict(zip(keys, map(bool, well), strict=True)),
    )


def at_chance(rows: pd.DataFrame, options: Options) -> pd.Series:
    """Returns which rows have a test accuracy that guessing could give.

    Such an accuracy is at most three standard errors above 1 / classes.
    """
    if options.classes is None or "test/accuracy" not in rows:
        return pd.Series(False, index=rows.index)
    chance = 1 / options.classes
    images = options.test_images or 1 / (options.resolution or 1e-3)
    error = math.sqrt(chance * (1 - chance) / max(images, 1))
    return rows["test/accuracy"] <= chance + 3 * error


def p_trains(one: Trained, other: Trained) -> float:
    """Returns the p of the exact McNemar test of "both train equally often".

    The test is over the seeds that both have; p is NaN if there are none.
    """
    mine, theirs = one.seeds or {}, other.seeds or {}
    shared = mine.keys() & theirs.keys()
    if not shared:
        return math.nan
    only_one = sum(mine[key] and not theirs[key] for key in shared)
    only_other = sum(theirs[key] and not mine[key] for key in shared)
    return statistics.mcnemar_p(only_one, only_other)

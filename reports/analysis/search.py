"""What the searches found: pure functions of the values that trials reported on validation data. A test metric is never read here.

``values`` is float [n], one per finished trial of an arm in the order in which they were proposed; NaN where a trial was pruned,
diverged or failed: it used budget and gave nothing.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from reports.analysis.collect import UNFINISHED, Study

Array = NDArray[np.float64]
LEAST_FOR_IMPORTANCE = (
    8  # completed trials; with fewer, "the best tenth" that PED-ANOVA looks at is one trial
)


@dataclass(frozen=True)
class Objective:
    """What the searches optimise; by the store's rule a validation metric."""

    name: str
    higher: bool

    @property
    def sign(self) -> float:
        return 1.0 if self.higher else -1.0


def objective(study: Study) -> Objective:
    metric = study.plan.get("metric", {})
    name = metric.get("name", "val/accuracy")
    if not name.startswith("val/"):
        raise ValueError(f"a search is judged on validation data only, not on {name}")
    return Objective(name, metric.get("mode", "max") == "max")


def trials_of(study: Study, arm: str) -> pd.DataFrame:
    """The arm's finished search trials in the order of their numbers, with ``value``: NaN unless completed."""
    rows = study.trials[
        (study.trials["kind"] == "search")
        & (study.trials["arm"] == arm)
        & ~study.trials["state"].isin(UNFINISHED)
    ]
    rows = rows.sort_values("number", kind="stable")
    return rows.assign(value=rows[objective(study).name].where(rows["state"] == "completed"))


def best_so_far(values: ArrayLike, higher: bool = True) -> Array:
    """Best value of the first 1, 2, ... n trials; NaN until one gave a value."""
    x = np.asarray(values, dtype=float)
    accumulate = np.fmax.accumulate if higher else np.fmin.accumulate
    return np.asarray(accumulate(x))


@dataclass(frozen=True)
class Budget:
    """Best of ``k`` trials, k = 1 ... n: expectation and the ``[10 %, 90 %]`` range over random orders. All float [n]."""

    mean: Array
    low: Array
    high: Array


def expected_best(values: ArrayLike, higher: bool = True) -> Budget:
    """Best of k of the n trials drawn without replacement, exactly (no resampling).

    With the values sorted from worst to best, the i-th is the best of k with probability ``C(i-1, k-1) / C(n, k)``. The mean is over
    the draws that hold at least one value; quantiles are NaN where that draw holds none.
    """
    x = np.asarray(values, dtype=float)
    x = np.sort(x if higher else -x)
    x = np.concatenate([x[np.isnan(x)], x[~np.isnan(x)]])  # trials without a value are the worst
    n, failed = x.size, int(np.isnan(x).sum())
    mean, low, high = (np.full(n, math.nan) for _ in range(3))
    rank = np.arange(1, n + 1)
    for k in range(1, n + 1):
        weight = np.where(
            rank >= k, np.exp(_log_choose(rank - 1, k - 1) - _log_choose(np.array(n), k)), 0.0
        )
        if weight[failed:].sum() > 0:
            mean[k - 1] = np.sum(weight[failed:] * x[failed:]) / weight[failed:].sum()
        reached = np.cumsum(weight)
        low[k - 1], high[k - 1] = (
            x[min(int(np.searchsorted(reached, q - 1e-12)), n - 1)] for q in (0.1, 0.9)
        )
    return Budget(mean, low, high) if higher else Budget(-mean, -high, -low)


def _log_choose(n: Any, k: int) -> Any:
    n = np.maximum(n, k)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


@dataclass(frozen=True)
class Flip:
    """With up to ``trials`` trials ``early`` is ahead on average, with more ``late`` is."""

    early: str
    late: str
    trials: int


def flips(curves: Mapping[str, Array], higher: bool = True) -> list[Flip]:
    """Pairs of arms whose order by expected best changes with the budget: the last change up to the common budget."""
    found = []
    for (a, x), (b, y) in itertools.combinations(curves.items(), 2):
        k = min(x.size, y.size)
        ahead = np.sign(x[:k] - y[:k]) * (1 if higher else -1)
        decided = np.flatnonzero((ahead != 0) & ~np.isnan(ahead))
        changes = [(i, j) for i, j in itertools.pairwise(decided) if ahead[i] != ahead[j]]
        if changes:
            i, _ = changes[-1]
            early, late = (a, b) if ahead[i] > 0 else (b, a)
            found.append(Flip(early, late, int(i) + 1))
    return found


def searched_parameters(study: Study, rows: pd.DataFrame) -> list[str]:
    """The parameters that differ between these trials, in the study file's order."""
    return [
        name
        for name in study.plan.get("parameters", {})
        if name in rows and rows[name].dropna().nunique() > 1
    ]


def as_choice(value: Any, choices: Sequence[Any]) -> Any:
    """The choice that a CSV cell stands for: 2.0 is 2, 'True' is true."""
    for choice in choices:
        if value == choice or str(value) == str(choice):
            return choice
    raise LookupError(value)


def importance(study: Study, arm: str) -> dict[str, float]:
    """Parameter -> share of importance (they sum to 1) by Optuna's PED-ANOVA; empty if there are too few completed trials.

    PED-ANOVA (Watanabe et al. 2023) compares each parameter's distribution among the best trials with that among all of them.
    """
    rows = trials_of(study, arm)
    rows = rows[rows["value"].notna()]
    names = searched_parameters(study, rows)
    if len(rows) < LEAST_FOR_IMPORTANCE or not names or rows["value"].nunique() < 2:
        return {}
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PED-ANOVA is called experimental at every use
            again = optuna.create_study(
                direction="maximize" if objective(study).higher else "minimize"
            )
            again.add_trials(_optuna_trials(study, rows, names))
            shared = [name for name in names if all(name in trial.params for trial in again.trials)]
            found = optuna.importance.get_param_importances(
                again, params=None if len(shared) < len(names) else shared
            )
    except (ValueError, RuntimeError):
        return {}  # Optuna's word for: these trials say nothing, e.g. no parameter is common to all
    finally:
        optuna.logging.set_verbosity(before)
    return {str(name): float(share) for name, share in found.items()}


def _optuna_trials(study: Study, rows: pd.DataFrame, names: Sequence[str]) -> list[Any]:
    from optuna.trial import create_trial

    spaces = {name: _distribution(study.plan["parameters"][name]) for name in names}
    trials = []
    for row in rows.to_dict("records"):
        params = {}
        for name in names:
            space, value = study.plan["parameters"][name], row[name]
            if value is None or value != value:
                continue  # a conditional parameter that had no meaning in this trial
            try:
                params[name] = (
                    as_choice(value, space["choices"])
                    if space["type"] == "categorical"
                    else _number(space, value)
                )
            except LookupError:
                continue  # the study file no longer offers this choice
        params = {
            name: value
            for name, value in params.items()
            if spaces[name]._contains(spaces[name].to_internal_repr(value))
        }
        trials.append(
            create_trial(
                params=params,
                distributions={name: spaces[name] for name in params},
                value=row["value"],
            )
        )
    return trials


def _number(space: Mapping[str, Any], value: Any) -> float | int:
    return int(value) if space["type"] == "int" else float(value)


def _distribution(space: Mapping[str, Any]) -> Any:
    from optuna import distributions

    if space["type"] == "categorical":
        return distributions.CategoricalDistribution(space["choices"])
    if space["type"] == "int":
        return distributions.IntDistribution(
            int(space["low"]),
            int(space["high"]),
            space.get("log", False),
            int(space.get("step") or 1),
        )
    return distributions.FloatDistribution(
        space["low"], space["high"], space.get("log", False), space.get("step")
    )


@dataclass(frozen=True)
class Tuned:
    """The chosen value of one parameter of one arm, and where the best quarter of the arm's trials lie."""

    arm: str
    parameter: str
    chosen: Any
    low: Any
    high: Any
    trials: int
    at_edge: str  # '' | 'low' | 'high': within a twentieth of the searched range from its end


def tuned_values(study: Study, arm: str) -> list[Tuned]:
    """One record per searched parameter of the arm's best completed trial."""
    rows = trials_of(study, arm)
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return []
    best = rows.sort_values("value", ascending=not objective(study).higher, kind="stable")
    quarter = best.head(max(1, -(-len(best) // 4)))
    records = []
    for name in searched_parameters(study, rows):
        chosen, near = best[name].iloc[0], quarter[name].dropna()
        if chosen is None or chosen != chosen:
            continue
        space = study.plan["parameters"][name]
        if space["type"] == "categorical":
            often = ", ".join(
                f"{value:g}" if isinstance(value, float) else str(value)
                for value in dict.fromkeys(near)
            )
            records.append(Tuned(arm, name, chosen, often, often, len(quarter), ""))
        else:
            records.append(
                Tuned(
                    arm,
                    name,
                    float(chosen),
                    near.min(),
                    near.max(),
                    len(quarter),
                    edge(float(chosen), space),
                )
            )
    return records


def edge(value: float, space: Mapping[str, Any]) -> str:
    """Is the value within a twentieth of the range (on its own scale) from an end? Then the range may have been too small."""
    scale = math.log if space.get("log") else float
    low, high = scale(space["low"]), scale(space["high"])
    place = (scale(value) - low) / (high - low)
    return "low" if place < 0.05 else "high" if place > 0.95 else ""


@dataclass(frozen=True)
class Overtuning:
    """The same configuration three times: as the search saw it, and with fresh seeds on validation and test data."""

    arm: str
    trials: int
    searched: float  # the best trial's validation value
    validation: float  # mean of the replicates
    test: float
    n: int


def overtuning(study: Study, arm: str) -> Overtuning | None:
    """None unless the arm was searched and has a finished replicate. Only for metrics that exist on both data: val/x and test/x."""
    goal = objective(study)
    rows = trials_of(study, arm)
    done = study.trials[
        (study.trials["kind"] == "replicate")
        & (study.trials["arm"] == arm)
        & (study.trials["state"] == "completed")
    ]
    test_name = goal.name.replace("val/", "test/", 1)
    if rows["value"].notna().sum() == 0 or done.empty or test_name not in done:
        return None
    best = rows["value"].max() if goal.higher else rows["value"].min()
    return Overtuning(
        arm,
        len(rows),
        float(best),
        float(done[goal.name].mean()),
        float(done[test_name].mean()),
        len(done),
    )

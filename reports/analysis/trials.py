"""Search trials and their objective, which is a metric of validation data.

No test metric is read here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.analysis.chance import chance_of, classes_of
from reports.analysis.collect import UNFINISHED, Study
from reports.analysis.outcomes import FAILURES
from study.store import Kind, State, by_proposal


@dataclass(frozen=True)
class Objective:
    """What the searches optimise, which is always a validation metric."""

    name: str
    higher: bool

    @property
    def sign(self) -> float:
        return 1.0 if self.higher else -1.0


def objective(study: Study) -> Objective:
    """Returns the objective of the study's searches.

    Raises:
        ValueError: the plan names a metric of other data.
    """
    metric = study.plan.get("metric", {})
    name = metric.get("name", "val/accuracy")
    if not name.startswith("val/"):
        raise ValueError(f"a search is judged on validation data only, not on {name}")
    return Objective(name, metric.get("mode", "max") == "max")


def trials_of(study: Study, arm: str) -> pd.DataFrame:
    """Returns the arm's finished search trials of all repeats, in the order of their numbers.

    ``value`` is the metric of completed trials, else NaN. ``reached`` is what the trial's budget
    bought: a pruned trial's last value, and chance level for one that diverged or ran out of
    memory; NaN where that is not known. The study keeps the frame for the next figure that asks.
    """
    key = ("trials_of", arm)
    if key not in study.derived:
        study.derived[key] = _trials_of(study, arm)
    found: pd.DataFrame = study.derived[key]
    return found


def _trials_of(study: Study, arm: str) -> pd.DataFrame:
    goal, trials = objective(study), study.trials
    mine = (trials["kind"] == Kind.SEARCH) & (trials["arm"] == arm)
    found = trials[mine]
    seeds = (study.plan.get("search") or {}).get("seeds", 1)
    if seeds > 1:  # a configuration counts once, with the means of its seeds
        records: list[Any] = found.to_dict("records")
        found = pd.DataFrame(by_proposal(records, seeds), columns=found.columns)
    rows = found[~found["state"].isin(UNFINISHED)]
    rows = rows.sort_values(["repeat", "number"], kind="stable")
    measured = rows[goal.name].astype(float)
    reached = measured.where(rows["state"].isin((State.COMPLETED, State.PRUNED)))
    chance = chance_of(goal.name, classes_of(study.plan))
    if chance is not None:
        reached = reached.mask(rows["state"].isin(FAILURES), chance)
    return rows.assign(value=measured.where(rows["state"] == State.COMPLETED), reached=reached)


def noise(study: Study) -> float:
    """Returns how much two trainings of the same configuration differ.

    It is sqrt(2) times the SD of replicates on validation data, and 0 if no arm has two.
    """
    goal, trials = objective(study), study.trials
    done = trials[(trials["kind"] == Kind.REPLICATE) & (trials["state"] == State.COMPLETED)]
    variances = done.groupby("arm")[goal.name].var().dropna()
    if variances.empty:
        return 0.0
    return float(math.sqrt(2 * variances.mean()))


def searched_parameters(study: Study, rows: pd.DataFrame) -> list[str]:
    """Returns the parameters whose values differ between these trials, in the file's order."""
    return [
        name
        for name in study.plan.get("parameters", {})
        if name in rows and rows[name].dropna().nunique() > 1
    ]


def as_choice(value: Any, choices: Sequence[Any]) -> Any:
    """Returns the choice that a CSV cell stands for: 2.0 is 2, 'True' is true.

    Raises:
        LookupError: the cell is none of the choices.
    """
    for choice in choices:
        if value == choice or str(value) == str(choice):
            return choice
    raise LookupError(value)

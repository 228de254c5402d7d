"""What a study has cost: trials, hours of training, memory, energy and hardware."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.analysis.collect import Study
from study.store import Kind, State


@dataclass(frozen=True)
class Share:
    """Some of the trials: how many, and the hours that their epochs took."""

    name: str
    trials: int
    hours: float


@dataclass(frozen=True)
class Compute:
    """The costs of a study.

    ``shares`` are the completed replicates, the completed and the pruned search trials, and the
    rest. ``per_run`` is the mean hours of a completed replicate, NaN before there is one.
    ``joules`` were measured over all trials; NaN if the machines have no counters.
    """

    shares: tuple[Share, ...]
    per_run: float
    peak_memory_mb: float
    joules: float
    machines: tuple[dict[str, Any], ...]

    @property
    def trials(self) -> int:
        return sum(share.trials for share in self.shares)

    @property
    def hours(self) -> float:
        return sum(share.hours for share in self.shares)


def compute(study: Study) -> Compute:
    """Adds up a study's costs; a trial that several arms share counts once."""
    seconds = study.epochs.groupby("id")["seconds"].sum()
    rows = study.trials.drop_duplicates("id")
    rows = rows.assign(hours=rows["id"].map(seconds).fillna(0.0) / 3600)
    replicates, completed = rows["kind"] == Kind.REPLICATE, rows["state"] == State.COMPLETED
    pruned = rows["state"] == State.PRUNED
    rest = ~completed & ~pruned
    shares = (
        _share("completed replicates", rows[replicates & completed]),
        _share("completed search trials", rows[~replicates & completed]),
        _share("pruned search trials", rows[pruned]),
        _share("trials that failed or did not end", rows[rest]),
    )
    per_run = rows.loc[replicates & completed, "hours"].mean()
    memory = pd.to_numeric(rows["peak_memory_mb"], errors="coerce").max()
    return Compute(
        shares=tuple(share for share in shares if share.trials),
        per_run=float(per_run),
        peak_memory_mb=math.nan if memory is None else float(memory),
        joules=float(_joules(rows).sum(min_count=1)),
        machines=tuple(found for found in study.environments.values() if found),
    )


def _share(name: str, rows: pd.DataFrame) -> Share:
    return Share(name, len(rows), float(rows["hours"].sum()))


def joules_by_arm(study: Study) -> dict[str, float]:
    """Returns the joules of all of an arm's trials, failures included; NaN if not measured.

    A trial that several arms share counts for each of them.
    """
    sums = _joules(study.trials).groupby(study.trials["arm"]).sum(min_count=1)
    return {str(arm): float(value) for arm, value in sums.items()}


def _joules(rows: pd.DataFrame) -> pd.Series[float]:
    if "joules" not in rows:
        return pd.Series(math.nan, rows.index, dtype=float)
    return pd.to_numeric(rows["joules"], errors="coerce")

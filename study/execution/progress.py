"""How far each arm of a study is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from study.agenda.agenda import Agenda

UNWELL = ("failed", "out_of_memory", "diverged")


@dataclass(frozen=True)
class ArmProgress:
    """How far an arm is.

    ``best`` is the best validation metric of its completed trials.
    """

    name: str
    total: int
    done: int
    running: int
    unwell: int
    epochs: int
    best: float | None


def progress(agenda: Agenda) -> list[ArmProgress]:
    """Returns one record per arm, in the order of the study file."""
    plan = agenda.plan
    metric = plan.spec.metric
    better = max if metric.mode == "max" else min
    records = []
    for arm in plan.arms:
        rows = [row for key, row in agenda.tables.rows.items() if key[0] == arm.name]
        states = Counter(row["state"] for row in rows)
        values = []
        for row in rows:
            if row["state"] == "completed" and row.get(metric.name) is not None:
                values.append(row[metric.name])
        # An arm without a configuration (chosen, but None) has no replicates.
        without = arm.name in agenda.chosen and agenda.chosen[arm.name] is None
        replicates = 0 if without else len(plan.seeds)
        records.append(
            ArmProgress(
                name=arm.name,
                total=plan.search_trials(arm) + replicates,
                done=len(rows) - states["running"] - states["interrupted"],
                running=states["running"],
                unwell=sum(states[name] for name in UNWELL),
                epochs=sum(row.get("epochs") or 0 for row in rows),
                best=better(values, default=None),
            )
        )
    return records

"""How far each arm of a study is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from study import store
from study.agenda.agenda import Agenda
from study.store.records import State


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
    wanted = agenda.wanted
    spared = store.spared(agenda.tables.rows.values(), plan.search_seeds)
    records = []
    for arm in plan.arms:
        rows = [row for key, row in agenda.tables.rows.items() if key[0] == arm.name]
        states = Counter(row["state"] for row in rows)
        values = []
        for row in rows:
            if row["state"] == State.COMPLETED and row.get(metric.name) is not None:
                values.append(row[metric.name])
        replicates = 0
        for repeat in range(wanted.repeats[arm.name]):
            # An arm without a configuration (chosen, but None) has no replicates.
            if agenda.chosen.get((arm.name, repeat), ...) is not None:
                replicates += wanted.seeds[arm.name]
        open_trials = sum(count for state, count in states.items() if State(state).is_open)
        unwell = sum(count for state, count in states.items() if State(state).is_unwell)
        records.append(
            ArmProgress(
                name=arm.name,
                total=wanted.repeats[arm.name] * plan.search_trials(arm)
                - spared[arm.name]
                + replicates,
                done=len(rows) - open_trials,
                running=states[State.RUNNING],
                unwell=unwell,
                epochs=sum(row.get("epochs") or 0 for row in rows),
                best=better(values, default=None),
            )
        )
    return records

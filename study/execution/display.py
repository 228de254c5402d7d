"""Progress in the terminal: one live table, or plain lines when the output is not a terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from study.agenda.agenda import Agenda, Job
from study.forecast.time import duration, seconds_left

UNWELL = ("failed", "out_of_memory", "diverged")


@dataclass(frozen=True)
class ArmProgress:
    """How far an arm is. ``best`` is the best validation metric of its completed search trials (or replicates)."""

    name: str
    total: int
    done: int
    running: int
    unwell: int
    epochs: int
    best: float | None


def progress(agenda: Agenda) -> list[ArmProgress]:
    """One record per arm, in the order of the study file."""
    plan, metric = agenda.plan, agenda.plan.spec.metric
    records = []
    for arm in plan.arms:
        rows = [row for key, row in agenda.tables.rows.items() if key[0] == arm.name]
        states = Counter(row["state"] for row in rows)
        values = [
            row[metric.name]
            for row in rows
            if row["state"] == "completed" and row.get(metric.name) is not None
        ]
        best = (max if metric.mode == "max" else min)(values, default=None)
        replicates = len(plan.seeds) if agenda.chosen.get(arm.name, ...) is not None else 0
        records.append(
            ArmProgress(
                name=arm.name,
                total=plan.search_trials(arm) + replicates,
                done=len(rows) - states["running"] - states["interrupted"],
                running=states["running"],
                unwell=sum(states[name] for name in UNWELL),
                epochs=sum(row.get("epochs") or 0 for row in rows),
                best=best,
            )
        )
    return records


class Display:
    """Draws at most twice a second. ``console`` decides whether it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self._next = 0.0

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def note(self, text: str) -> None:
        self.console.print(text, markup=False)

    def update(self, agenda: Agenda) -> None:
        if self.live is None or time.monotonic() < self._next:
            return
        self.live.update(self._table(agenda), refresh=True)
        self._next = time.monotonic() + 0.5

    def ended(self, agenda: Agenda, job: Job, state: Mapping[str, Any]) -> None:
        """A line per trial where there is no live table; what went wrong is said in any case."""
        if self.live is None:
            records = progress(agenda)
            done, total = (
                sum(record.done for record in records),
                sum(record.total for record in records),
            )
            left = seconds_left(agenda.plan, agenda.tables.rows, agenda.chosen, agenda.concurrency)
            metric = agenda.plan.spec.metric.name
            value = state["metrics"].get(metric)
            result = state["state"] + (f", {metric} {value:.4f}" if value is not None else "")
            then = f"; {duration(left)} left" if left is not None and done < total else ""
            self.note(
                f"[{done}/{total}] {job.arm} {job.kind} {job.number}: {result} after {state['epochs']} epochs{then}"
            )
        for path in state.get("damaged") or ():
            self.note(f"  damaged: set aside as {path}; the trial was repeated")
        if state["state"] in UNWELL:
            self.note(
                f"  {job.arm} {job.kind} {job.number} ({job.id}) {state['state']}: {state.get('reason')}"
            )
            if state.get("cause") == "error":
                self.note(
                    "    " + "\n    ".join(str(state.get("tail", "")).strip().splitlines()[-3:])
                )

    def _table(self, agenda: Agenda) -> Table:
        records = progress(agenda)
        left = seconds_left(agenda.plan, agenda.tables.rows, agenda.chosen, agenda.concurrency)
        title = f"{agenda.plan.spec.name}" + (
            f": about {duration(left)} left" if left is not None else ""
        )
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for name in (
            "arm",
            "done",
            "running",
            "failed",
            "epochs",
            f"best {agenda.plan.spec.metric.name}",
        ):
            table.add_column(name, justify="left" if name == "arm" else "right")
        for record in records:
            best = "" if record.best is None else f"{record.best:.4f}"
            done = f"{record.done}/{record.total}"
            table.add_row(
                record.name, done, str(record.running), str(record.unwell), str(record.epochs), best
            )
        return table

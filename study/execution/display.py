"""Progress in the terminal: one live table, or plain lines when the output is not a terminal."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.live import Live
from rich.table import Table

from study.agenda.agenda import Agenda
from study.agenda.job import Job
from study.execution.progress import progress
from study.forecast.time import duration, seconds_left
from study.store.records import Outcome

SECONDS_BETWEEN_DRAWINGS = 0.5
TAIL_LINES = 3  # of a traceback, below a failed trial


class Display:
    """Shows the progress of a study; ``console`` decides whether it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(
            highlight=False, soft_wrap=True, force_terminal=_is_terminal()
        )
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
        """Draws the live table, at most twice a second."""
        if self.live is None or time.monotonic() < self._next:
            return
        self.live.update(self._table(agenda), refresh=True)
        self._next = time.monotonic() + SECONDS_BETWEEN_DRAWINGS

    def ended(self, agenda: Agenda, job: Job, outcome: Outcome) -> None:
        """Prints what went wrong with a trial and, if there is no live table, a line on its end."""
        if self.live is None:
            self.note(_line(agenda, job, outcome))
        for path in outcome.damaged:
            self.note(f"  damaged: set aside as {path}; the trial was repeated")
        if not outcome.state.is_unwell:
            return
        trial = f"{job.role.title} ({job.id})"
        self.note(f"  {trial} {outcome.state}: {outcome.reason}")
        if outcome.cause == "error":
            for line in (outcome.tail or "").strip().splitlines()[-TAIL_LINES:]:
                self.note(f"    {line}")

    def _table(self, agenda: Agenda) -> Table:
        title = agenda.plan.spec.name
        left = _seconds_left(agenda)
        if left is not None:
            title += f": about {duration(left)} left"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        best = f"best {agenda.plan.spec.metric.name}"
        table.add_column("arm", justify="left")
        for name in ("done", "running", "failed", "epochs", best):
            table.add_column(name, justify="right")
        for record in progress(agenda):
            table.add_row(
                record.name,
                f"{record.done}/{record.total}",
                str(record.running),
                str(record.unwell),
                str(record.epochs),
                "" if record.best is None else f"{record.best:.4f}",
            )
        return table


def _line(agenda: Agenda, job: Job, outcome: Outcome) -> str:
    records = progress(agenda)
    done = sum(record.done for record in records)
    total = sum(record.total for record in records)
    metric = agenda.plan.spec.metric.name
    text = f"[{done}/{total}] {job.role.title}: {outcome.state}"
    value = outcome.metrics.get(metric)
    if value is not None:
        text += f", {metric} {value:.4f}"
    text += f" after {outcome.length}"
    left = _seconds_left(agenda)
    if left is not None and done < total:
        text += f"; {duration(left)} left"
    return text


def _seconds_left(agenda: Agenda) -> float | None:
    plan, rows = agenda.plan, agenda.tables.rows
    return seconds_left(plan, rows, agenda.chosen, agenda.spending.at_once, agenda.wanted)


def _is_terminal() -> bool | None:
    """Returns False if the output is not a terminal, whatever FORCE_COLOR says; else None.

    Notebooks and continuous integration set FORCE_COLOR, which rich takes for a terminal.
    """
    try:
        return None if sys.stdout.isatty() else False
    except (AttributeError, ValueError):  # closed, or a stand-in without the method
        return False

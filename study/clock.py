"""Watches a running study's working time and the free space on its disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from study import store
from study.agenda.agenda import Agenda
from study.errors import Stopped
from study.forecast import disk

SECONDS_BETWEEN_LOOKS = 5.0


class Clock:
    """The study's working time over all its runs, for ``budget.hours``; kept in clock.json."""

    def __init__(self, agenda: Agenda) -> None:
        self.agenda, self.before = agenda, agenda.spending.seconds
        self.start, self.saved = time.monotonic(), -math.inf

    def tick(self) -> None:
        """Counts the time, and stops the study once its hours are used up."""
        self._count()
        if time.monotonic() - self.saved >= SECONDS_BETWEEN_LOOKS:
            self.save()
        limit = self.agenda.plan.spec.budget.hours
        over = limit is not None and self.agenda.spending.seconds > 3600 * limit
        if over and self.agenda.running:
            raise Stopped(f"the budget of {limit:g} hours is used up; raise budget.hours")

    def save(self) -> None:
        self._count()
        self.saved = time.monotonic()
        seconds = round(self.agenda.spending.seconds, 1)
        store.write_json(self.agenda.folder / "clock.json", {"seconds": seconds})

    def _count(self) -> None:
        self.agenda.spending.seconds = self.before + time.monotonic() - self.start


class DiskWatch:
    """Stops the study before its disk is full.

    The first check asks for room for all that the study will keep, later ones only for what running
    trials need.
    """

    def __init__(self, agenda: Agenda, sizes: Callable[[], Mapping[str, int]]) -> None:
        self.agenda, self.sizes = agenda, sizes
        self.looked = -math.inf

    def tick(self) -> None:
        if time.monotonic() - self.looked < SECONDS_BETWEEN_LOOKS:
            return
        agenda, sizes = self.agenda, self.sizes()
        needed = disk.at_work(agenda.plan, sizes, agenda.spending.at_once)
        if math.isinf(self.looked):
            needed += disk.to_keep(agenda.plan, sizes, agenda.tables.rows)
        disk.check(agenda.folder, needed)
        self.looked = time.monotonic()

"""The jobs that wait, run, or follow another one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from study import store
from study.agenda.job import Job
from study.search.proposal import Slot


class Queue:
    """Jobs by where they are. Those that wait were begun before, and come first."""

    def __init__(self) -> None:
        self.waiting: list[Job] = []
        self.running: dict[str, Job] = {}
        self.followers: dict[str, list[Job]] = {}  # other roles of a trial that runs
        self._lost: dict[str, float] = {}  # until when a trial waits for its lost machine

    def add(self, job: Job) -> None:
        self.waiting.append(job)

    def add_first(self, job: Job, *, lost: bool = False) -> None:
        """``lost``: the job's machine was lost, and nobody knows what still runs there."""
        self.waiting.insert(0, job)
        if lost:
            self._lost[job.id] = time.monotonic() + store.PATIENCE

    def take(self, is_held: Callable[[Job], bool] = lambda job: False) -> Job | None:
        """The first waiting job that may start now. One that must run alone waits for the rest.

        ``is_held``: whether another process has the job's trial, as the worker of a machine that
        is cut off may; such a job lets others pass for a while.
        """
        for index, job in enumerate(self.waiting):
            if job.alone and self.running:
                continue
            if time.monotonic() < self._lost.get(job.id, 0.0) and is_held(job):
                continue
            return self.waiting.pop(index)
        return None

    @property
    def is_blocked(self) -> bool:
        """Whether nothing may start because a job runs, or wants to run, alone."""
        return any(job.alone for job in [*self.running.values(), *self.waiting])

    def start(self, job: Job) -> bool:
        """Whether the job starts; if its trial runs already, the job follows that one."""
        if job.id in self.running:
            self.followers.setdefault(job.id, []).append(job)
            return False
        self.running[job.id] = job
        return True

    def end(self, job: Job) -> Job:
        """Takes the job out of those that run, as it was last replaced."""
        return self.running.pop(job.id, job)

    def replace(self, job: Job) -> None:
        self.running[job.id] = job

    def followers_of(self, job: Job) -> list[Job]:
        return self.followers.pop(job.id, [])

    def busy_searches(self) -> Counter[Slot]:
        """How many search trials of each slot are not at their end."""
        return Counter(job.slot for job in self._all() if job.is_search)

    def flying(self) -> Counter[Slot]:
        """How many search trials of each slot run."""
        return Counter(job.slot for job in self.running.values() if job.is_search)

    def _all(self) -> Iterator[Job]:
        yield from self.running.values()
        yield from self.waiting
        for jobs in self.followers.values():
            yield from jobs

"""The jobs that wait, that run, or that share the trial of a running one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

from study import store
from study.agenda.job import Job
from study.search.proposal import Slot


class Queue:
    """Jobs by their stage. The waiting ones were begun before, so they come first."""

    def __init__(self) -> None:
        self.waiting: list[Job] = []
        self.running: dict[str, Job] = {}
        self.followers: dict[str, list[Job]] = {}  # other roles of a running trial
        self._lost: dict[str, float] = {}  # the time until which a trial waits for its lost machine

    def add(self, job: Job) -> None:
        self.waiting.append(job)

    def add_first(self, job: Job, *, lost: bool = False) -> None:
        """Puts a job first in the queue.

        ``lost`` says that its machine was lost, on which its worker may still run.
        """
        self.waiting.insert(0, job)
        if lost:
            self._lost[job.id] = time.monotonic() + store.PATIENCE

    def take(self, is_held: Callable[[Job], bool] = lambda job: False) -> Job | None:
        """Removes and returns the first waiting job that may start now, or None.

        A job that must run alone waits until nothing runs. ``is_held`` tells whether another
        process has the job's trial, such as a worker on a machine that is cut off; such a job lets
        others pass for a while.
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
        """Whether nothing may start because a job runs alone or waits to do so."""
        return any(job.alone for job in [*self.running.values(), *self.waiting])

    def start(self, job: Job) -> bool:
        """Starts the job; returns False if its trial runs already, which the job then shares."""
        if job.id in self.running:
            self.followers.setdefault(job.id, []).append(job)
            return False
        self.running[job.id] = job
        return True

    def end(self, job: Job) -> Job:
        """Removes the job from the running ones and returns its latest version."""
        return self.running.pop(job.id, job)

    def replace(self, job: Job) -> None:
        self.running[job.id] = job

    def followers_of(self, job: Job) -> list[Job]:
        return self.followers.pop(job.id, [])

    def busy_searches(self) -> Counter[Slot]:
        """Returns how many search trials of each slot run, wait, or follow another one."""
        return Counter(job.slot for job in self._all() if job.is_search)

    def flying(self) -> Counter[Slot]:
        """Returns how many search trials of each slot run."""
        return Counter(job.slot for job in self.running.values() if job.is_search)

    def _all(self) -> Iterator[Job]:
        yield from self.running.values()
        yield from self.waiting
        for jobs in self.followers.values():
            yield from jobs

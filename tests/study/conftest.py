"""A study small enough to run in seconds: digits, a narrow MLP, two epochs."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from eisnn.config.trial import trial_id
from eisnn.errors import CheckpointError
from study import store
from study.agenda.agenda import Agenda
from study.agenda.job import Job
from study.agenda.recovery import open_agenda
from study.errors import Stopped
from study.plan.plan import Plan, make_plan
from study.request import Request, from_file
from study.session import run
from study.spec.reading import make_spec
from study.worker import trial
from tests import tiny
from tests.tiny import small_disk

STUDY: dict[str, Any] = {
    "name": "tiny",
    "base": "base.yaml",
    "parameters": {
        "circuit.init.gain": {"type": "float", "low": 0.5, "high": 2.0, "log": True},
        "train.learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
    },
    "search": {"trials": 2},
    "ablation": {"factors": {"straight_through": {"circuit.prop.straight_through": False}}},
    "baselines": {"bn": {"model.norm": "bn"}},
    "replicate": {"seeds": 2},
}


@pytest.fixture
def study_tree() -> dict[str, Any]:
    return copy.deepcopy(STUDY)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a study file and its base config, and returns the study file's path."""
    return functools.partial(tiny.write, tmp_path)


@pytest.fixture
def plan_of(write: Callable[[dict[str, Any]], Path]) -> Callable[[dict[str, Any]], Plan]:
    """The plan of a study tree."""

    def plan(tree: dict[str, Any]) -> Plan:
        path = write(tree)
        return make_plan(make_spec(copy.deepcopy(tree), str(path)), str(path))

    return plan


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a shell script on the path, and returns the file that it notes its calls in."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def make(name: str, body: str) -> Path:
        calls = tmp_path / f"{name}.calls"
        path = programs / name
        path.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{body}\n')
        path.chmod(0o755)
        return calls

    return make


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    with small_disk(tmp_path / "small", 4) as folder:
        yield folder


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is a disk in memory: hundreds of small transactions wait for
    any other disk."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else tmp_path) as folder:
        yield Path(folder)


# ---- a study without processes: jobs are run here, one after another, with a stand-in for training

Fit = Callable[..., dict[str, float]]


def stand_in(
    config: Any, *, report: Any, resume_from: Path, checkpoint_to: Path, test: bool, **_: Any
) -> dict[str, float]:
    """Keeps the contract of `eisnn.fit` with numbers that are a function of the config: a
    checkpoint is its history."""
    draw = random.Random(trial_id(config))
    quality = draw.random()
    try:
        history = json.loads(resume_from.read_text()) if resume_from.exists() else []
    except ValueError:
        raise CheckpointError(f"{resume_from}: cannot be read as a checkpoint") from None
    for row in history:
        report(row)
    for epoch in range(len(history) + 1, config.train.epochs + 1):
        accuracy = quality * (1 - 0.5**epoch)
        names = (
            "train/loss",
            "train/accuracy",
            "val/loss",
            "learning_rate",
            "firing_rate",
            "seconds",
        )
        history.append({"epoch": epoch, **dict.fromkeys(names, 0.5), "val/accuracy": accuracy})
        checkpoint_to.write_text(json.dumps(history))
        report(history[-1])
    best = {
        "val/accuracy_best": history[-1]["val/accuracy"],
        "best_epoch": len(history),
        "parameters": 10,
        "seconds_per_epoch": 0.5,
    }
    best["energy_nj"] = 100 * draw.random()
    return {
        **history[-1],
        **best,
        **(
            {"test/accuracy": quality, "test/loss": 1.0, "test/accuracy_best": quality}
            if test
            else {}
        ),
    }


class Killed(BaseException):
    """The whole process dies here."""


@dataclass
class World:
    """Opens a study's folder and plays it; `play` can be killed after a number of events and called
    again."""

    folder: Path
    plan: Plan
    trained: list[tuple[str, int]] = field(
        default_factory=list
    )  # (id, epoch) in the order of training
    diff: Any = None

    def open(self) -> Agenda:
        self.folder.joinpath("trials").mkdir(parents=True, exist_ok=True)
        opened = open_agenda(self.folder, self.plan)
        self.aside, self.diff = opened.aside, opened.diff
        return opened.agenda

    def play(self, *, events: int | None = None, fit: Fit = stand_in) -> Agenda:
        agenda = self.open()
        self.work(agenda, events=events, fit=fit)
        agenda.close()
        agenda.tables.write(now=True)
        return agenda

    def work(
        self,
        agenda: Agenda,
        *,
        events: int | None = None,
        fit: Fit = stand_in,
        ended: Callable[..., None] = lambda *_: None,
    ) -> None:
        count = itertools.count(1)

        def event() -> None:
            if events is not None and next(count) > events:
                raise Killed

        while not agenda.finished:
            job = agenda.next()
            if job is None:
                break
            event()
            ended(agenda, job, self._train(agenda, job, fit, event))
            event()

    def _train(
        self, agenda: Agenda, job: Job, fit: Fit, event: Callable[[], None]
    ) -> store.Outcome:
        def report(row: dict[str, Any]) -> None:
            event()
            if agenda.epoch(agenda.running[job.id], row):
                raise SystemExit  # as Tune stops a trial

        def counting(config: Any, **options: Any) -> dict[str, float]:
            known = 0
            with contextlib.suppress(OSError, ValueError):
                known = len(json.loads(options["resume_from"].read_text()))

            def note(row: dict[str, Any]) -> None:
                if row["epoch"] > known:
                    self.trained.append((job.id, row["epoch"]))
                options_report(row)

            options_report = options.pop("report")
            return fit(config, report=note, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("eisnn.fit", counting, raising=False)
            try:
                outcome = trial.run(replace(agenda.order(job), diagnose="off"), report)
            except SystemExit:
                outcome = None
        event()
        return agenda.end(job, outcome)


@pytest.fixture
def world(plan_of: Callable[[dict[str, Any]], Plan], fast: Path) -> Callable[..., World]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return lambda tree, name="results": World(fast / name, plan_of(tree))


@dataclass
class WithoutRay:
    """`study.session.run` with the jobs trained in this process; ``killed_after`` so many events,
    or None."""

    request: Request
    trained: list[tuple[str, int]] = field(default_factory=list)
    killed_after: int | None = None
    fit: Fit = stand_in

    def execute(self, agenda: Agenda, display: Any, on_tick: Callable[[], None], **_: Any) -> None:
        on_tick()
        player = World(agenda.folder, agenda.plan, self.trained)
        player.work(agenda, events=self.killed_after, fit=self.fit, ended=display.ended)
        if agenda.fatal:
            raise Stopped(agenda.fatal)

    def run(self, **options: Any) -> tuple[int, Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("study.session.execute", self.execute)
            return run(self.request, **options)


@pytest.fixture
def without_ray(write: Callable[[dict[str, Any]], Path], fast: Path) -> Callable[..., WithoutRay]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return lambda tree, name="results": WithoutRay(from_file(write(tree), results=fast / name))


@pytest.fixture
def killed() -> type[BaseException]:
    return Killed


@pytest.fixture
def fit() -> Fit:
    return stand_in


@pytest.fixture
def rows_of() -> Callable[[Agenda], list[tuple[Any, ...]]]:
    """What a table says of its trials, without what clocks say."""
    names = ("id", "arm", "kind", "number", "state", "epochs", "val/accuracy", "test/accuracy")

    def rows(agenda: Agenda) -> list[tuple[Any, ...]]:
        return [
            tuple(agenda.tables.rows[key][name] for name in names)
            for key in sorted(agenda.tables.rows)
        ]

    return rows

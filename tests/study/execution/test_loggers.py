"""Loggers neither hold up a study nor fail it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study.errors import Stopped
from study.execution import loggers
from study.execution.logger_runs import Run
from tests.study.execution.one_run import run


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    loggers.check(["tensorboard"], "s.yaml")
    monkeypatch.setitem(loggers.PACKAGES, "wandb", "no_such_package")
    with pytest.raises(
        ConfigError,
        match=(
            r"s.yaml: loggers: wandb needs the package no_such_package.*pip install"
            r" 'eisnn-study\[wandb\]'"
        ),
    ):
        loggers.check(["tensorboard", "wandb"], "s.yaml")


def test_news_are_epochs_and_what_was_measured_once() -> None:
    assert loggers.news({"epoch": 2, "val/accuracy": 0.5, "time_this_iter_s": 1.0}) == (
        2,
        {"val/accuracy": 0.5},
    )
    assert loggers.news({"epoch": 2, "val/loss": float("nan"), "seconds": 1}) == (
        2,
        {"seconds": 1.0},
    )
    outcome = (
        '{"state": "completed", "epochs": 3, "metrics": {"val/accuracy": 0.5, "test/accuracy":'
        " 0.4}}"
    )
    assert loggers.news({"outcome": outcome, "epoch": 3}) == (3, {"test/accuracy": 0.4})
    assert loggers.news({"done": True}) is None


class Stuck:
    """A logger whose server never answers."""

    released = threading.Event()

    def setup(self) -> None: ...

    def log_trial_start(self, run: Run) -> None:
        self.released.wait(60)

    def log_trial_end(self, run: Run, failed: bool) -> None: ...

    def on_experiment_end(self, trials: list[Any]) -> None: ...


def test_a_stuck_logger_neither_holds_up_nor_swallows_a_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loggers.MAKERS, "wandb", lambda study, folder: Stuck())
    monkeypatch.setattr(loggers, "STOPPED_PATIENCE", 0.1)
    said: list[str] = []

    def interrupted() -> None:
        with loggers.feeds(["wandb"], "study", tmp_path, said.append) as feeds:
            feeds[0].events.put(("start", run(tmp_path), ()))
            raise Stopped("SIGINT")

    with pytest.raises(Stopped, match="SIGINT"):
        interrupted()
    Stuck.released.set()
    assert said == [
        "the wandb logger has not finished after 0.1 s; what it has not written is lost"
    ]


def test_a_logger_that_cannot_start_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(study: str, folder: Path) -> Any:
        raise ValueError("no key\nmore")

    monkeypatch.setitem(loggers.MAKERS, "wandb", broken)
    said: list[str] = []
    with loggers.feeds(["wandb"], "study", tmp_path, said.append) as feeds:
        feeds[0].events.put(("start", run(tmp_path), ()))
    assert said == [
        "the wandb logger could not start (ValueError: no key); the study goes on, details are in"
        " log.txt"
    ]

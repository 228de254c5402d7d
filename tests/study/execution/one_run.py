"""A trial as loggers are told of it."""

from __future__ import annotations

from pathlib import Path

from study.execution.logger_runs import Run


def run(folder: Path) -> Run:
    return Run(
        "abc123",
        "full/search/0",
        str(folder / "full" / "search-0"),
        {"arm": "full", "train.learning_rate": 0.1, "seed": 0},
    )

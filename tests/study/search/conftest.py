"""Searches in a storage in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from study.search.arm_search import ArmSearch
from study.search.storage import open_storage

Tree = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def searches(plan_of: Any, fast: Path) -> Any:
    """The searches of a study tree, by arm and repeat, in one storage."""

    def open_(tree: Tree) -> dict[tuple[str, int], ArmSearch]:
        plan = plan_of(tree)
        storage, _ = open_storage(fast)
        return {
            (arm.name, repeat): ArmSearch(storage, plan, arm, repeat)
            for arm in plan.arms
            for repeat in range(plan.repeats)
            if arm.tuned
        }

    return open_

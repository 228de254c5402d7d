"""What a dry run says before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eisnn.errors import ConfigError
from study import store
from study.dry_run import dry_run
from study.forecast import power
from study.forecast import time as estimate
from study.plan import Plan
from tests.study.forecast.measured import MEASURED, row

Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]


@pytest.fixture
def plan(plan_of: PlanOf, study_tree: Tree) -> Plan:
    """Arms full and bn; 3 search trials and 2 seeds each; 2 epochs a trial."""
    study_tree["ablation"], study_tree["search"] = {}, {"trials": 3}
    return plan_of(study_tree)


def test_a_dry_run_without_a_measurement_says_so(plan: Plan, tmp_path: Path) -> None:
    assert "time: no measurement yet" in next(dry_run(plan, tmp_path / "nowhere"))


def test_a_dry_run_tells_pace_time_and_spread_from_the_folder(plan: Plan, tmp_path: Path) -> None:
    rows = [
        {**value, "arm": arm, "kind": kind, "repeat": 0, "number": number}
        for (arm, kind, _, number), value in MEASURED.items()
    ]
    for arm, accuracies in (("full", (0.90, 0.92)), ("bn", (0.91, 0.95))):
        for number, accuracy in enumerate(accuracies):
            extra = {
                "arm": arm,
                "kind": "replicate",
                "repeat": 0,
                "number": number,
                "seed": 1000 + number,
                "test/accuracy": accuracy,
            }
            rows.append({**row(f"{arm}{number}"), **extra})
    store.write_text(tmp_path / "trials.csv", store.table_text(store.TRIAL_COLUMNS, rows))
    text = "\n".join(dry_run(plan, tmp_path))
    assert "an epoch takes (mean over so many trials): full 2 s (2), bn 10 s (1)" in text
    # left: full 1 x 1.5 epochs of 2 s, bn 2 x 2 epochs of 10 s
    assert f"left: {estimate.duration(estimate.BESIDE * 43)} with one trial at a time" in text
    spread = 2**0.5  # differences of 1 and 3 points
    assert (
        f"bn: {detectable(2, 0.05) * spread:.2f} points, where differences have a spread of 1.41 (n"
        " = 2)" in text
    )


def detectable(seeds: int, alpha: float) -> float:
    return power.detectable(seeds, power.Pilot(1.0), power.Rule(alpha))


def test_the_dry_run_shows_the_plan_and_then_refuses(
    plan_of: PlanOf, study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["baselines"]["twin"] = study_tree["baselines"]["bn"]
    text = dry_run(plan_of(study_tree), tmp_path / "none")
    assert "tiny: 4 arms" in next(text)
    with pytest.raises(ConfigError, match=r"baselines\.twin: is the same network as bn"):
        list(text)


def test_the_dry_run_counts_what_a_budget_holds(
    plan_of: PlanOf, study_tree: Tree, tmp_path: Path
) -> None:
    study_tree["budget"] = {"trials": 9}  # three arms: a search trial and two seeds of each
    text = next(dry_run(plan_of(study_tree), tmp_path))
    assert "budget: 9 trials: holds 1 search trials and 2 seeds of every arm" in text
    study_tree["budget"] = {"trials": 5}
    text = next(dry_run(plan_of(study_tree), tmp_path))
    assert "too small for one search trial and one seed of every arm" in text


def test_a_finished_study_has_nothing_new(world: Any, study_tree: Tree) -> None:
    played = world(study_tree)
    played.play()
    assert "+0 new  =12 kept  -0 retired" in next(dry_run(played.plan, played.folder))
    more = world({**study_tree, "replicate": {"seeds": 3}})
    assert "+3 new  =12 kept  -0 retired" in next(dry_run(more.plan, played.folder))

"""Estimates of what is left, budgets, and the power of a design: numbers that can be checked by
hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study import dry_run, store
from study.agenda import limits
from study.forecast import power
from study.forecast import time as estimate
from study.plan.plan import Plan
from study.store.tables import Tables

Tree = dict[str, Any]
PlanOf = Callable[[Tree], Plan]


@pytest.fixture
def plan(plan_of: PlanOf, study_tree: Tree) -> Plan:
    """Arms full and bn; 3 search trials and 2 seeds each; 2 epochs a trial."""
    study_tree["ablation"], study_tree["search"] = {}, {"trials": 3}
    return plan_of(study_tree)


def row(
    identity: str, state: str = "completed", epochs: int = 2, seconds: float | None = None
) -> dict[str, Any]:
    return {"id": identity, "state": state, "epochs": epochs, "seconds_per_epoch": seconds}


MEASURED = {
    ("full", "search", 0, 0): row("a", seconds=1.0),
    ("full", "search", 0, 1): row("b", "pruned", 1, 3.0),
    ("bn", "search", 0, 0): row("c", seconds=10.0),
}


def test_paces_are_per_arm_and_the_slowest_stands_in(plan: Plan) -> None:
    assert estimate.paces(plan, {}) is None
    assert estimate.paces(plan, MEASURED) == {
        "full": estimate.Pace(2.0, 2),
        "bn": estimate.Pace(10.0, 1),
    }
    only = {key: value for key, value in MEASURED.items() if key[0] == "full"}
    assert estimate.paces(plan, only) == {
        "full": estimate.Pace(2.0, 2),
        "bn": estimate.Pace(2.0, 0),
    }


def test_what_is_left_is_counted_per_arm(plan: Plan) -> None:
    rows = {**MEASURED, ("bn", "search", 0, 1): row("d", "running", 1)}
    assert estimate.running(plan, rows) == [estimate.Work("bn", 1, 1)]
    assert estimate.searches(plan, rows, ()) == [
        estimate.Work("full", 1, 1.5),
        estimate.Work("bn", 1, 2.0),
    ]
    assert estimate.searches(plan, rows, ["full"]) == [estimate.Work("bn", 1, 2.0)]
    assert estimate.replicates(plan, rows) == [
        estimate.Work("full", 2, 2),
        estimate.Work("bn", 2, 2),
    ]
    # full: 1 x 1.5 + 2 x 2 = 5.5 epochs of 2 s; bn: 1 + 2 + 2 x 2 = 7 epochs of 10 s
    expected = estimate.BESIDE * (5.5 * 2 + 7 * 10)
    assert estimate.seconds_left(plan, rows, {}, 1) == pytest.approx(expected)
    assert estimate.seconds_left(plan, rows, {}, 2) == pytest.approx(expected / 2)
    assert estimate.seconds_left(plan, rows, {}, 100) == pytest.approx(
        estimate.BESIDE * 20
    )  # its longest trial: 2 epochs of bn
    assert estimate.seconds_left(plan, rows, {("full", 0): None}, 1) == pytest.approx(
        estimate.BESIDE * 70
    )  # nothing to replicate
    assert estimate.seconds_left(plan, {}, {}, 1) is None


@pytest.fixture
def verdict(plan_of: PlanOf, study_tree: Tree, tmp_path: Path) -> Callable[..., str | None]:
    """`used_up` of the plan with 3 search trials and 2 seeds of two arms, with the measured rows,
    one at a time."""

    def used_up(
        budget: Tree, *, spent: float = 0.0, replicates: bool = False, at_once: int = 1
    ) -> str | None:
        plan = plan_of({**study_tree, "ablation": {}, "search": {"trials": 3}, "budget": budget})
        tables = Tables(tmp_path, ["full", "bn"], [])
        tables.rows = dict(MEASURED)
        tables.lines = {"a": ["", ""], "b": [""], "c": ["", ""]}
        return limits.used_up(plan, tables, spent, at_once, replicates=replicates)

    return used_up


def test_a_trial_starts_only_if_it_and_the_replicates_fit(
    verdict: Callable[..., str | None],
) -> None:
    # 3 trials and 5 epochs were trained; 4 replicates of 2 epochs are owed
    assert verdict({"trials": 8}) is None
    assert verdict({"trials": 7}) == "the budget of 7 trials is used up but for the replicates"
    assert verdict({"trials": 7}, replicates=True) is None
    assert verdict({"trials": 4}, replicates=True) is None
    assert verdict({"trials": 3}, replicates=True) == "the budget of 3 trials is used up"
    assert verdict({"epochs": 15}) is None
    assert verdict({"epochs": 14}) is not None
    assert verdict({"epochs": 7}, replicates=True) is None
    assert verdict({"epochs": 6}, replicates=True) is not None


def test_hours_are_kept_by_each_arms_own_pace(verdict: Callable[..., str | None]) -> None:
    # the next search trial, as one of bn: 20 s; replicates: 2 x 2 x 2 s of full and 2 x 2 x 10 s of
    # bn
    need = estimate.BESIDE * (20 + 8 + 40)
    hours = {"hours": 1.0}
    assert verdict(hours, spent=3599 - need) is None
    assert (
        verdict(hours, spent=3601 - need)
        == "the budget of 1 hours is used up but for the replicates"
    )
    assert verdict(hours, spent=3599 - need / 2, at_once=2) is None
    assert verdict(hours, spent=3599 - estimate.BESIDE * 20, replicates=True) is None
    assert verdict(hours, spent=3601 - estimate.BESIDE * 20, replicates=True) is not None
    assert verdict({}, spent=1e9) is None


# ---- what a dry run says


def test_a_dry_run_without_a_measurement_says_so(plan: Plan, tmp_path: Path) -> None:
    assert "time: no measurement yet" in next(dry_run.dry_run(plan, tmp_path / "nowhere"))


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
    text = "\n".join(dry_run.dry_run(plan, tmp_path))
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


@pytest.mark.parametrize(
    ("seeds", "alpha"), [(3, 0.05), (5, 0.05), (10, 0.05), (10, 0.05 / 15), (20, 0.01)]
)
def test_detectable_differences_are_those_of_the_noncentral_t(seeds: int, alpha: float) -> None:
    """The power of a paired t-test is that of a noncentral t with n - 1 degrees of freedom, shifted
    by d sqrt(n)."""
    from scipy.stats import nct, t

    d = detectable(seeds, alpha)
    critical = t.ppf(1 - alpha / 2, seeds - 1)
    found = nct.sf(critical, seeds - 1, d * seeds**0.5) + nct.cdf(
        -critical, seeds - 1, d * seeds**0.5
    )
    assert found == pytest.approx(0.8, abs=0.002)

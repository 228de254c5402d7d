"""What a study's design can show, in the unit of the metric that verdicts rest on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eisnn.config.user_code import look_in
from study.forecast.design import level_of, shown, units
from study.plan import Plan
from study.store import Key, Kind, State
from tests import tiny

PlanOf = Callable[[dict[str, Any]], Plan]


def test_a_planned_pair_is_a_comparison_more(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    before = plan_of(study_tree)
    study_tree["report"] = {"pairs": [["bn", "no_straight_through"]]}
    after = plan_of(study_tree)
    assert shown(before, {})[0].startswith("2 paired seeds, 2 comparisons (single_step correction")
    assert shown(after, {})[0].startswith("2 paired seeds, 3 comparisons (single_step correction")


def test_the_dry_runs_family_is_the_reports(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    """No comparison that was not asked for: with report.baseline full-bn, no_st-full, no_st-bn;
    without it the two with full."""
    with_bn = {**study_tree, "report": {"baseline": "bn"}}
    assert "2 paired seeds, 3 comparisons (single_step correction" in shown(plan_of(with_bn), {})[0]
    assert "2 paired seeds, 2 comparisons (single_step" in shown(plan_of(study_tree), {})[0]


def test_the_level_is_shared_by_comparisons_and_looks(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    """Two comparisons; seeds 2, 4 and 6 are three looks."""
    assert level_of(plan_of(study_tree)) == pytest.approx(0.05 / 2)
    assert units(plan_of(study_tree)) == (2, "paired seeds")
    study_tree["replicate"] = {"seeds": 2, "most": 6, "until": "decided"}
    assert level_of(plan_of(study_tree)) == pytest.approx(0.05 / (2 * 3))
    study_tree["report"] = {"correction": "none"}
    assert level_of(plan_of(study_tree)) == pytest.approx(0.05 / 3)
    study_tree["search"]["repeats"] = 4
    assert units(plan_of(study_tree)) == (4, "repeats")


def test_one_seed_shows_nothing(plan_of: PlanOf, study_tree: dict[str, Any]) -> None:
    study_tree["replicate"]["seeds"] = 1
    (line,) = shown(plan_of(study_tree), {})
    assert line.startswith("1 seed: no interval and no test; give replicate.seeds of at least 2")


def test_a_sign_flip_test_says_how_many_seeds_it_needs(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    """2^(1 - n) must be at most 0.025, which is 1 / 40: n is 7."""
    study_tree["report"] = {"test": "sign_flip"}
    lines = shown(plan_of(study_tree), {})
    assert lines[1].endswith("is 2^(1 - 2) = 0.5: 7 paired seeds needed")
    assert "a difference of no size is found" in lines[2]


def test_failures_so_far_are_said_with_the_spread(
    plan_of: PlanOf, study_tree: dict[str, Any]
) -> None:
    """bn lies 1 and 3 points below the reference: a spread of 1.41, and one of three failed."""
    rows = {}
    for arm, values in (("full", (0.9, 0.9, None)), ("bn", (0.89, 0.87, None))):
        for number, value in enumerate(values):
            state = "completed" if value or arm == "full" else "diverged"
            row = {"seed": 1000 + number, "state": state, "test/accuracy": value}
            rows[Key(arm, Kind.REPLICATE, 0, number)] = row
    said = shown(plan_of(study_tree), rows)[-1]
    assert said.startswith("    bn: ")
    assert said.endswith("a spread of 1.41 (n = 2), and 33 % of its replicates fail")


@pytest.fixture
def plan(plan_of: PlanOf, study_tree: dict[str, Any]) -> Plan:
    """Arms full and bn with 2 seeds each: one comparison at level 0.05."""
    study_tree["ablation"] = {}
    return plan_of(study_tree)


@pytest.fixture
def regression(plan_of: PlanOf, study_tree: dict[str, Any], tmp_path: Path) -> Plan:
    look_in([tmp_path])
    base = {**tiny.BASE, "data": {"name": "their_numbers:load"}}
    base["train"] = {**tiny.BASE["train"], "loss": "mse"}
    (tmp_path / "their_numbers.py").write_text("def load(root, T): ...")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(base))
    study_tree |= {"base": "own.yaml", "ablation": {}}
    study_tree["metric"] = {"name": "val/loss", "mode": "min"}
    return plan_of(study_tree)


def rows(metric: str, **arms: list[float]) -> dict[Key, dict[str, Any]]:
    found = {}
    for arm, values in arms.items():
        for number, value in enumerate(values):
            row = {"state": State.COMPLETED, "seed": 1000 + number, "test/loss": 0.5, metric: value}
            found[Key(arm, Kind.REPLICATE, 0, number)] = row
    return found


def test_accuracies_are_told_in_points(plan: Plan) -> None:
    line = shown(plan, {})[1]
    assert line.endswith("if differences have a spread of 1.00 points (assumed)")
    # differences of -0.02 and -0.04 spread by 0.0141
    said = shown(plan, rows("test/accuracy", full=[0.90, 0.92], bn=[0.88, 0.88]))
    assert "points, where differences have a spread of 1.41 (n = 2)" in said[-1]


def test_losses_are_told_in_their_own_unit(regression: Plan, plan: Plan) -> None:
    """Of which nothing is assumed, so that a difference is a multiple of the spread at first."""
    spread_of_a_point = float(shown(plan, {})[1].split("difference of ")[1].split(" ")[0])
    line = shown(regression, {})[1]
    assert f"a difference of {spread_of_a_point:.2f} times the spread of differences is" in line
    said = shown(regression, rows("test/loss", full=[0.0040, 0.0041], bn=[0.0050, 0.0054]))
    # differences of 0.0010 and 0.0013 spread by 0.000212
    found = f"{0.000212132 * spread_of_a_point:.3g} in test loss"
    assert said[-1].startswith(f"    bn: {found}, where differences have a spread of 0.000212 (n")
    assert "point" not in "".join(said)

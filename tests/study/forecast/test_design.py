"""What a study's design can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from study.forecast.design import level_of, shown, units
from study.plan import Plan
from study.store import Key, Kind

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

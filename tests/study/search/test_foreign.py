"""A database is ours as long as nobody turns a search round or writes over our notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
import pytest

from study.plan import Plan, search_name
from study.search.foreign import why_foreign


@pytest.fixture
def plan(plan_of: Callable[[dict[str, Any]], Plan], study_tree: dict[str, Any]) -> Plan:
    return plan_of(study_tree)


def searched(plan: Plan, direction: str) -> optuna.Study:
    return optuna.create_study(
        storage=optuna.storages.InMemoryStorage(),
        study_name=search_name(plan, plan.reference),
        direction=direction,
    )


def test_searches_go_in_the_direction_of_the_file(plan: Plan) -> None:
    assert why_foreign(searched(plan, "maximize")._storage, plan) is None
    assert "is to minimize" in str(why_foreign(searched(plan, "minimize")._storage, plan))


def test_searches_that_the_file_does_not_ask_for_may_go_anywhere(plan: Plan) -> None:
    other = optuna.create_study(study_name="theirs", direction="minimize")
    assert why_foreign(other._storage, plan) is None


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("id", "b0793b14a550", None),
        ("theirs", [1], None),
        ("id", 3, "trial 0 of {} has a foreign value of id"),
        ("stopped_at", True, "trial 0 of {} has a foreign value of stopped_at"),
        ("surplus", "yes", "trial 0 of {} has a foreign value of surplus"),
    ],
)
def test_our_notes_are_of_their_kinds(
    plan: Plan, name: str, value: Any, problem: str | None
) -> None:
    study = searched(plan, "maximize")
    study.ask().set_user_attr(name, value)
    found = why_foreign(study._storage, plan)
    assert found == (problem and problem.format(study.study_name))

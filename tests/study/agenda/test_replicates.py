"""The replicates that a study is to have, in the order of work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from study.agenda.agenda import Agenda
from study.agenda.replicates import Replicates
from study.plan import Wanted
from study.store.records import Key, Kind

Tree = dict[str, Any]
ARMS = ("full", "no_straight_through", "bn")


def key(arm: str, repeat: int, number: int) -> Key:
    return Key(arm, Kind.REPLICATE, repeat, number)


@pytest.fixture
def agenda(world: Any, study_tree: Tree) -> Agenda:
    """All searches have ended; two repeats, and two seeds of each."""
    study_tree["search"]["repeats"] = 2
    played: Agenda = world(study_tree).play()
    return played


def of(agenda: Agenda, held: Any = lambda wanted: wanted) -> Replicates:
    """The replicates of a run that has handed out none so far."""
    return Replicates(agenda.plan, agenda.choices, agenda.tables, held)


def test_each_arm_and_repeat_has_one_before_any_has_two(agenda: Agenda) -> None:
    expected = [key(arm, repeat, number) for number in (0, 1) for repeat in (0, 1) for arm in ARMS]
    assert list(of(agenda).listed()) == expected


def test_the_next_one_is_the_first_that_nobody_has_begun(agenda: Agenda) -> None:
    replicates = of(agenda)
    first, second, *_ = replicates.listed()
    replicates.give(second)
    assert replicates.next() == first
    replicates.give(first)
    assert replicates.next() == key("bn", 0, 0)
    assert agenda.replicates.next() is None  # the run that has just been played gave them all


def test_a_replicate_trains_its_own_seed_with_its_repeats_choice(agenda: Agenda) -> None:
    job = of(agenda).job(key("bn", 1, 1))
    assert job.seed == agenda.plan.seed(1, 1) == 11_001
    chosen = agenda.chosen["bn", 1]
    assert chosen is not None
    assert job.parameters == chosen.parameters


def test_what_the_budget_does_not_hold_is_not_listed(agenda: Agenda) -> None:
    def one_repeat(wanted: Wanted) -> Wanted:
        return replace(wanted, repeats=dict.fromkeys(wanted.repeats, 1))

    replicates = of(agenda, one_repeat)
    assert {one.repeat for one in replicates.listed()} == {0}
    assert set(replicates.asked().repeats.values()) == {2}


def test_an_arm_without_a_configuration_has_none(agenda: Agenda) -> None:
    agenda.choices.made["bn", 0] = None
    assert [one.repeat for one in of(agenda).listed() if one.arm == "bn"] == [1, 1]

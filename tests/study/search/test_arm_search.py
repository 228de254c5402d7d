"""What a search proposes: the same draws for all arms, each trial once, and the same after a kill."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from study.search.arm_search import ArmSearch, Proposal
from study.search.storage import open_storage

Tree = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is a disk in memory: small transactions wait for any other."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else tmp_path) as folder:
        yield Path(folder)


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


def run(search: ArmSearch, number: int) -> list[Proposal]:
    """Asks for so many trials, each of which ends with a value that its first parameter gives."""
    found = []
    for _ in range(number):
        proposal = search.ask()
        if proposal is None:
            break
        found.append(proposal)
        value = float(next(v for v in proposal.parameters.values() if not isinstance(v, list)))
        search.tell(proposal.number, "completed", {"val/accuracy": 1 / (1 + value)}, None)
    return found


def finite(tree: Tree, choices: list[Any], trials: int, **search: Any) -> Tree:
    space = {"circuit.ei_ratio": {"type": "categorical", "choices": choices}}
    return {
        **tree,
        "parameters": space,
        "search": {"trials": trials, **search},
        "ablation": {},
        "baselines": {},
    }


def test_all_arms_begin_with_the_same_draws(searches: Any, study_tree: Tree) -> None:
    study_tree["search"]["trials"] = 5
    found = {name: run(search, 5) for (name, _), search in searches(study_tree).items()}
    path = "train.learning_rate"
    rates = {name: [trial.parameters[path] for trial in trials] for name, trials in found.items()}
    assert rates["full"] == rates["no_straight_through"] == rates["bn"]
    assert "circuit.init.gain" not in found["bn"][0].parameters


def test_each_repeat_draws_and_trains_with_its_own_seed(searches: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 2, "repeats": 3}
    opened = searches(study_tree)
    rates = [
        run(opened["bn", repeat], 1)[0].parameters["train.learning_rate"] for repeat in range(3)
    ]
    assert len(set(rates)) == 3
    assert [opened["bn", repeat].seed for repeat in range(3)] == [0, 1, 2]
    names = sorted(search.optuna.study_name for search in opened.values())
    assert len(set(names)) == 9


def test_a_renamed_arm_keeps_its_trials(searches: Any, study_tree: Tree) -> None:
    before = run(searches(study_tree)["bn", 0], 2)
    study_tree["baselines"] = {"batch_norm": study_tree["baselines"].pop("bn")}
    after = searches(study_tree)["batch_norm", 0]
    assert [trial.id for trial in after.load()] == [trial.id for trial in before]
    assert after.optuna.study_name.startswith("batch_norm-")
    assert after.ask() is None


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "grid"])
def test_a_space_that_is_smaller_than_the_budget_is_searched_whole(
    searches: Any, study_tree: Tree, sampler: str
) -> None:
    tree = finite(study_tree, [2, 4, 8], 12, sampler=sampler, startup=2)
    search = searches(tree)["full", 0]
    assert search.plan.search_trials(search.arm) == 3
    ratios = sorted(trial.parameters["circuit.ei_ratio"] for trial in run(search, 12))
    assert ratios == [2, 4, 8]
    assert search.count == search.budget == 3
    assert len(search.load()) == 3


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp"])
def test_each_configuration_is_tried_once(searches: Any, study_tree: Tree, sampler: str) -> None:
    tree = finite(study_tree, list(range(2, 14)), 8, sampler=sampler, startup=2)
    trials = run(searches(tree)["full", 0], 8)
    assert len({trial.id for trial in trials}) == 8


def test_a_kill_changes_no_later_proposal(plan_of: Any, study_tree: Tree, fast: Path) -> None:
    """Equal proposals and their fresh draws included: a new process proposes what this one would."""
    plan = plan_of(finite(study_tree, [2, 4, 8, 16, 32], 5, startup=2))
    undisturbed, _ = open_storage(fast)
    expected = [trial.id for trial in run(ArmSearch(undisturbed, plan, plan.reference), 5)]
    folder = fast / "killed"
    folder.mkdir()
    storage, _ = open_storage(folder)
    found = []
    for _ in range(5):
        search = ArmSearch(storage, plan, plan.reference)
        search.load()
        found += [trial.id for trial in run(search, 1)]
    assert found == expected


def test_a_database_that_cannot_be_read_is_set_aside(fast: Path) -> None:
    storage, _ = open_storage(fast)
    storage.engine.dispose()
    with sqlite3.connect(fast / "optuna.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9.9.9'")
    _, aside = open_storage(fast)
    assert aside == fast / "optuna.db.damaged-1"


def test_the_folders_name_may_be_any(fast: Path) -> None:
    folder = fast / "50 % of a?b=c#d"
    folder.mkdir()
    _, aside = open_storage(folder)
    assert aside is None
    assert {path.name for path in folder.iterdir()} == {"optuna.db"}

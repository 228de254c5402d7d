"""What a search proposes: the same draws for all arms, each trial once, and the same after a
kill."""

from __future__ import annotations

import math
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from study.search.arm_search import ArmSearch
from study.search.proposal import Proposal
from study.search.sobol import at
from study.search.storage import open_storage
from study.spec.distributions import distribution
from study.spec.parameter import Parameter

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
    assert [opened["bn", repeat].seeds[0] for repeat in range(3)] == [0, 1, 2]
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
    """Equal proposals and their fresh draws included: a new process proposes what this one
    would."""
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


# ---- what other samplers, constraints and another study's trials do


def test_a_sobol_search_covers_and_shares_its_points(searches: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 8, "sampler": "qmc"}
    opened = searches(study_tree)
    found = {name: run(opened[name, 0], 8) for name in ("full", "bn")}
    path = "train.learning_rate"
    rates = [trial.parameters[path] for trial in found["full"]]
    assert rates == [trial.parameters[path] for trial in found["bn"]]
    # Of 8 points of a Sobol sequence, each eighth of the range has one: low 1e-3, high 1e-1.
    assert sorted(int(8 * math.log(rate / 1e-3) / math.log(100)) for rate in rates) == [*range(8)]


def test_cma_es_learns_and_goes_on_after_a_kill(searches: Any, study_tree: Tree) -> None:
    pytest.importorskip("cmaes")
    study_tree["search"] = {"trials": 14, "sampler": "cmaes", "startup": 2}
    study_tree["parameters"] = {
        "train.learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
        "train.momentum": {"type": "float", "low": 0.0, "high": 0.9},
    }
    found = run(searches(study_tree)["bn", 0], 9)
    search = searches(study_tree)["bn", 0]  # as after a kill
    assert [trial.id for trial in search.load()] == [trial.id for trial in found]
    found += run(search, 5)
    assert len({trial.id for trial in found}) == 14
    attributes = [set(trial.system_attrs) for trial in search.optuna.get_trials()]
    for number in (8, 13):  # one before the kill and one after: it is CMA-ES that drew them
        assert any(name.startswith("cma:") for name in attributes[number])


@pytest.mark.parametrize(
    ("space", "share", "value"),
    [
        (Parameter(type="categorical", choices=["a", "b"]), 0.6, "b"),
        (Parameter(type="int", low=2, high=5), 0.99, 5),
        (Parameter(type="int", low=2, high=5), 0.0, 2),
        (Parameter(type="int", low=1, high=100, log=True), 0.999, 100),
        (Parameter(type="float", low=1e-3, high=1e-1, log=True), 0.5, 1e-2),
        (Parameter(type="float", low=0.0, high=2.0), 0.25, 0.5),
        (Parameter(type="float", low=0.0, high=0.3, step=0.1), 0.5, 0.2),
    ],
)
def test_the_value_at_a_share_of_a_range(space: Parameter, share: float, value: Any) -> None:
    expected = value if isinstance(value, str) else pytest.approx(value)
    assert at(distribution(space), share) == expected


def test_optuna_hears_of_constraints(searches: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 2, "constraints": {"energy_nj": {"max": 500, "min": 10}}}
    search = searches(study_tree)["bn", 0]
    for energy in (400.0, 700.0):
        proposal = search.ask()
        assert proposal is not None
        metrics = {"val/accuracy": energy / 1000, "energy_nj": energy}
        search.tell(proposal.number, "completed", metrics, None)
    told = [trial.constraints for trial in search.optuna.get_trials()]
    assert told == [
        {"energy_nj max": -100.0, "energy_nj min": -390.0},
        {"energy_nj max": 200.0, "energy_nj min": -690.0},
    ]
    assert search.optuna.best_trial.number == 0  # the more accurate one breaks the constraint


def test_an_arms_configuration_keeps_the_constraints(world: Any, study_tree: Tree) -> None:
    """The stand-in's energies lie anywhere between 0 and 100."""
    study_tree["search"] = {"trials": 6, "constraints": {"energy_nj": {"max": 50}}}
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    rows = world(study_tree).play().tables.rows
    searched = [row for key, row in rows.items() if key[1] == "search"]
    kept = [row for row in searched if row["energy_nj"] <= 50]
    assert 0 < len(kept) < 6
    best = max(kept, key=lambda row: row["val/accuracy"])
    replicate = next(row for key, row in rows.items() if key[1] == "replicate")
    assert replicate["circuit.init.gain"] == best["circuit.init.gain"]


def test_a_search_begins_with_what_another_study_knows(world: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 3}
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    first = world(study_tree)
    first.play()
    study_tree["search"] = {"trials": 2, "from": str(first.folder)}
    study_tree["overrides"] = {"train.epochs": 3}  # other trials, so that none is the same one
    second = world(study_tree, "second")
    agenda = second.play()
    search = agenda.searches["full", 0]
    assert search.warmed_up == 3
    states = [trial.state.name for trial in search.optuna.get_trials()]
    assert states == ["COMPLETE"] * 5
    assert len([key for key in agenda.tables.rows if key[1] == "search"]) == 2
    assert str(world(study_tree, "second").play().searches["full", 0].warmed_up) == "3"


@pytest.mark.parametrize("kind", ["asha", "median"])
def test_a_trial_that_finished_its_last_epoch_is_never_pruned(
    searches: Any, study_tree: Tree, kind: str
) -> None:
    """The worst of seven is stopped after the first of two epochs, never after the second."""
    study_tree["search"] = {"trials": 8, "pruner": {"type": kind, "grace_epochs": 1}}
    if kind == "median":
        study_tree["search"]["pruner"]["startup_trials"] = 2
    search = searches(study_tree)["full", 0]
    for rank in range(6):
        number, value = search.ask().number, 0.5 + rank / 100  # each is better than those before
        assert not search.should_stop(number, 1, value)
        assert not search.should_stop(number, 2, value)
        search.tell(number, "completed", {"val/accuracy": value}, None)
    assert search.should_stop(search.ask().number, 1, 0.1)
    last = search.ask().number
    assert not search.should_stop(last, 2, 0.1)

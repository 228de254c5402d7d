"""What earlier runs left is taken up again: after kills, damage, moves and edits."""

from __future__ import annotations

import contextlib
import copy
import shutil
from collections import Counter
from typing import Any

import optuna
import pytest

from eisnn.errors import DataError
from study import store
from tests.study.agenda.played import failing, optuna_states

Tree = dict[str, Any]


ASHA = {"type": "asha", "grace_epochs": 1, "reduction_factor": 2}


def equal_after_kills(world: Any, tree: Tree, rows_of: Any, killed: Any, step: int) -> None:
    undisturbed = world(tree, "undisturbed")
    expected = rows_of(undisturbed.play())
    events = len(undisturbed.trained) + 3 * len(expected)
    for kill in range(2, events, step):
        disturbed = world(tree, f"killed-{kill}")
        with pytest.raises(killed):
            disturbed.play(events=kill)
        with contextlib.suppress(killed):  # fewer may be left; how many, Optuna's draws decide
            disturbed.play(events=3)
        assert rows_of(disturbed.play()) == expected
        assert sorted(disturbed.trained) == sorted(
            undisturbed.trained
        )  # no epoch lost, none trained twice


def prunable(tree: Tree, pruner: Tree) -> Tree:
    return {
        **tree,
        "search": {"trials": 3, "startup": 1, "pruner": pruner},
        "overrides": {"train.epochs": 3},
        "baselines": {},
    }


@pytest.mark.parametrize(("pruner", "step"), [({"type": "none"}, 17), (ASHA, 9)])
def test_killed_between_events_it_ends_the_same(
    world: Any, study_tree: Tree, rows_of: Any, killed: Any, pruner: Tree, step: int
) -> None:
    equal_after_kills(world, prunable(study_tree, pruner), rows_of, killed, step)


@pytest.mark.slow
@pytest.mark.parametrize(
    "pruner",
    [{"type": "none"}, ASHA, {"type": "hyperband"}, {"type": "median", "startup_trials": 1}],
)
def test_killed_at_any_event_it_ends_the_same(
    world: Any, study_tree: Tree, rows_of: Any, killed: Any, pruner: Tree
) -> None:
    equal_after_kills(world, prunable(study_tree, pruner), rows_of, killed, 1)


@pytest.mark.parametrize(("method", "kills"), [("set_user_attr", (3,)), ("_suggest", (0, 5, 8))])
def test_killed_inside_a_proposal_it_proposes_the_same(
    world: Any,
    study_tree: Tree,
    rows_of: Any,
    killed: Any,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    kills: tuple[int, ...],
) -> None:
    study_tree["search"] = {"trials": 4, "startup": 2}
    study_tree["baselines"] = {}
    expected = rows_of(world(study_tree, "undisturbed").play())
    original = getattr(optuna.trial.Trial, method)
    for kill in kills:
        disturbed, calls = world(study_tree, f"killed-{kill}"), iter(range(1000))

        def dying(self: Any, *arguments: Any, calls: Any = calls, kill: int = kill) -> Any:
            value = original(self, *arguments)
            if next(calls) == kill:
                raise killed
            return value

        with monkeypatch.context() as patch:
            patch.setattr(optuna.trial.Trial, method, dying)
            with pytest.raises(killed):
                disturbed.play()
        assert rows_of(disturbed.play()) == expected


def test_the_surroundings_fault_is_tried_again_by_the_next_run(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    played = world(study_tree)
    agenda = played.play(fit=failing(fit, DataError("digits: not found")))
    assert Counter(row["state"] for row in agenda.tables.rows.values()) == {
        "completed": 8,
        "failed": 2,
    }
    agenda = played.play()
    assert {row["state"] for row in agenda.tables.rows.values()} == {"completed"}
    assert len(agenda.tables.rows) == 12


def test_a_lost_database_is_rebuilt_from_the_folders(
    world: Any, study_tree: Tree, rows_of: Any
) -> None:
    played = world(study_tree)
    expected, trained = rows_of(played.play()), len(played.trained)
    (played.folder / "optuna.db").write_bytes(b"SQLite format 3\0" + b"\0" * 5000)
    assert rows_of(played.play()) == expected
    assert played.aside.name == "optuna.db.damaged-1"
    assert len(played.trained) == trained
    assert optuna_states(played) == {"COMPLETE": 6}


@pytest.mark.parametrize("name", ["state.json", "history.csv"])
def test_only_the_damaged_trial_is_repeated(
    world: Any, study_tree: Tree, rows_of: Any, name: str
) -> None:
    played = world(study_tree)
    agenda = played.play()
    expected, played.trained = rows_of(agenda), []
    for key in (("full", "search", 0, 1, 0), ("bn", "replicate", 0, 0, 0)):
        (store.trial_folder(played.folder, agenda.tables.rows[key]["id"]) / name).write_bytes(
            b"\0" * 50
        )
    assert rows_of(played.play()) == expected
    assert {identity for identity, _ in played.trained} <= {
        agenda.tables.rows[key]["id"]
        for key in (("full", "search", 0, 1, 0), ("bn", "replicate", 0, 0, 0))
    }


def test_a_folder_may_be_moved(world: Any, study_tree: Tree, rows_of: Any, killed: Any) -> None:
    played = world(study_tree)
    with pytest.raises(killed):
        played.play(events=20)
    shutil.copytree(played.folder, played.folder.with_name("elsewhere"))
    moved = world(study_tree, "elsewhere")
    assert rows_of(moved.play()) == rows_of(played.play())


@pytest.mark.parametrize(
    ("edit", "diff", "trained"),
    [
        ({"replicate": {"seeds": 4}}, "+6 new  =12 kept  -0 retired", 6 * 2),
        ({"replicate": {"seeds": 1}}, "+0 new  =9 kept  -3 retired", 0),
        ({"baselines": {}}, "+0 new  =8 kept  -4 retired", 0),
        (
            {"baselines": {"bn": {"model.norm": "bn"}, "gn": {"model.norm": "gn"}}},
            "+4 new  =12 kept  -0 retired",
            4 * 2,
        ),
        ({"max_failed": 1.0, "budget": {"hours": 5}}, "+0 new  =12 kept  -0 retired", 0),
    ],
)
def test_edit_and_continue(
    world: Any, study_tree: Tree, edit: Tree, diff: str, trained: int
) -> None:
    first = world(study_tree)
    first.play()
    second = world({**study_tree, **edit})
    agenda = second.play()
    assert (str(second.diff), len(second.trained)) == (diff, trained)
    asked = sum(second.plan.search_trials(arm) + len(second.plan.seeds) for arm in second.plan.arms)
    assert len(agenda.tables.rows) == asked  # only what the file now asks for is listed


def test_more_search_trials_go_on_from_what_was_learned(world: Any, study_tree: Tree) -> None:
    world(study_tree).play()
    study_tree["search"]["trials"] = 4
    more = world(study_tree)
    agenda = more.play()
    assert Counter(key[:2] for key in agenda.tables.rows)[("full", "search")] == 4
    ids = [row["id"] for row in agenda.tables.rows.values()]
    assert len([1 for identity, _ in more.trained]) == 2 * len(
        {identity for identity, _ in more.trained}
    )
    assert len(set(ids)) == len(ids)


def test_a_wider_range_keeps_its_trials_and_a_narrower_one_retires_some(
    world: Any, study_tree: Tree
) -> None:
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    first = world(study_tree).play()
    gains = [
        first.tables.rows[("full", "search", 0, number, 0)]["circuit.init.gain"]
        for number in (0, 1)
    ]
    wider = copy.deepcopy(study_tree)
    wider["parameters"]["circuit.init.gain"]["high"] = 8.0
    played = world(wider)
    played.play()
    assert (str(played.diff), played.trained) == ("+0 new  =4 kept  -0 retired", [])
    narrower = copy.deepcopy(study_tree)
    narrower["parameters"]["circuit.init.gain"]["low"] = (gains[0] * gains[1]) ** 0.5
    played = world(narrower)
    agenda = played.play()
    kept = [
        row["circuit.init.gain"] for key, row in agenda.tables.rows.items() if key[1] == "search"
    ]
    assert max(gains) in kept
    assert min(gains) not in kept
    assert len(kept) == 2


def test_further_choices_keep_the_trials_that_are_among_them(world: Any, study_tree: Tree) -> None:
    study_tree["parameters"] = {"circuit.ei_ratio": {"type": "categorical", "choices": [2, 4, 8]}}
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    study_tree["search"]["trials"] = 3
    first = world(study_tree)
    before = {row["id"] for key, row in first.play().tables.rows.items() if key[1] == "search"}
    study_tree["parameters"]["circuit.ei_ratio"]["choices"] = [2, 4, 8, 16]
    second = world(study_tree)
    after = {row["id"] for key, row in second.play().tables.rows.items() if key[1] == "search"}
    assert before <= after
    assert not {identity for identity, _ in second.trained} & before
    assert optuna_states(second)["RUNNING"] == 0


def test_more_epochs_are_other_trials(world: Any, study_tree: Tree) -> None:
    world(study_tree).play()
    study_tree["overrides"] = {"train.epochs": 3}
    longer = world(study_tree)
    agenda = longer.play()
    assert str(longer.diff) == "+12 new  =0 kept  -12 retired"
    assert {row["epochs"] for row in agenda.tables.rows.values()} == {3}

"""The order of work, crash equivalence event by event, edits, and honest ends: without Ray, with a
stand-in for training."""

from __future__ import annotations

import copy
import errno
import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from eisnn.config.trial import trial_id
from eisnn.errors import DataError, Diverged
from reports.analysis.collect import read_study
from reports.analysis.compare import options_for
from reports.page import sections
from study import store
from study.worker.trial import ToldToStop

Tree = dict[str, Any]
ASHA = {"type": "asha", "grace_epochs": 1, "reduction_factor": 2}


def optuna_states(world: Any) -> Counter[str]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{world.folder}/optuna.db")
    studies = storage.get_all_studies()
    return Counter(
        t.state.name for study in studies for t in storage.get_all_trials(study._study_id)
    )


def test_a_study_from_beginning_to_end(world: Any, study_tree: Tree, rows_of: Any) -> None:
    agenda = (played := world(study_tree)).play()
    rows = list(agenda.tables.rows.values())
    assert Counter((row["arm"], row["kind"]) for row in rows) == {
        (arm, kind): 2
        for arm in ("full", "no_straight_through", "bn")
        for kind in ("search", "replicate")
    }
    assert {row["state"] for row in rows} == {"completed"}
    assert {row["seed"] for row in rows if row["kind"] == "search"} == {0}
    assert [row["seed"] for row in rows if row["kind"] == "replicate" and row["arm"] == "bn"] == [
        1000,
        1001,
    ]
    assert all((row["test/accuracy"] is not None) == (row["kind"] == "replicate") for row in rows)
    for arm in ("full", "bn"):
        searched = [row for row in rows if row["arm"] == arm and row["kind"] == "search"]
        best = max(searched, key=lambda row: row["val/accuracy"])
        replicate = next(row for row in rows if row["arm"] == arm and row["kind"] == "replicate")
        assert replicate["train.learning_rate"] == best["train.learning_rate"]
    assert optuna_states(played) == {"COMPLETE": 6}
    again = played.play()
    assert rows_of(again) == rows_of(agenda)
    assert len(played.trained) == 12 * 2  # and the second run trained nothing


def equal_after_kills(world: Any, tree: Tree, rows_of: Any, killed: Any, step: int) -> None:
    undisturbed = world(tree, "undisturbed")
    expected = rows_of(undisturbed.play())
    events = len(undisturbed.trained) + 3 * len(expected)
    for kill in range(2, events, step):
        disturbed = world(tree, f"killed-{kill}")
        for more in (kill, 3):
            with pytest.raises(killed):
                disturbed.play(events=more)
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


def test_a_trial_that_goes_on_keeps_its_epochs_in_the_table(
    world: Any, study_tree: Tree, killed: Any
) -> None:
    """Between its start and its next epoch, the table says how many are on disk."""
    played = world(study_tree)
    with pytest.raises(killed):
        played.play(events=2)  # in the report of its second epoch, which is on disk
    agenda = played.open()
    job = agenda.next()
    row = agenda.tables.rows[job.key]
    assert (row["id"], row["state"], row["epochs"]) == (job.id, "running", 2)
    assert agenda.tables.epochs(job.id) == 2


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


def test_equal_trials_are_trained_once(world: Any, study_tree: Tree) -> None:
    study_tree["tune"] = "none"
    study_tree["baselines"] = {"twin": {"circuit.prop.straight_through": False}}
    played = world(study_tree)
    agenda = played.play()
    assert len(agenda.tables.rows) == 6
    assert len({row["id"] for row in agenda.tables.rows.values()}) == 4
    assert len(played.trained) == 4 * 2


def test_an_equal_trial_that_runs_is_waited_for(world: Any, study_tree: Tree) -> None:
    study_tree["tune"] = "none"
    study_tree["baselines"] = {"twin": {"circuit.prop.straight_through": False}}
    agenda = world(study_tree).open()
    jobs = [agenda.next() for _ in range(4)]
    assert agenda.next() is None
    assert len({job.id for job in jobs}) == 4
    assert sum(map(len, agenda.queue.followers.values())) == 2


def test_tune_reference_hands_the_chosen_values_to_every_arm(world: Any, study_tree: Tree) -> None:
    study_tree["tune"] = "reference"
    agenda = world(study_tree).play()
    values = {arm: proposal.parameters for (arm, _), proposal in agenda.chosen.items()}
    assert values["no_straight_through"] == values["full"]
    assert values["bn"] == {"train.learning_rate": values["full"]["train.learning_rate"]}
    assert Counter(key[:2] for key in agenda.tables.rows)[("full", "search")] == 2


def test_points_come_first(world: Any, study_tree: Tree) -> None:
    point = {"circuit.init.gain": 1.0, "train.learning_rate": 0.01}
    study_tree["search"]["points"] = [point]
    rows = world(study_tree).play().tables.rows
    assert {name: rows[("full", "search", 0, 0, 0)][name] for name in point} == point
    assert rows[("bn", "search", 0, 0, 0)]["train.learning_rate"] == 0.01
    assert rows[("bn", "search", 0, 1, 0)]["train.learning_rate"] != 0.01


# ---- ends other than well


def failing(fit: Any, error: Exception, arm_norm: str = "bn") -> Any:
    def fit_or_fail(config: Any, **options: Any) -> dict[str, float]:
        if config.model.norm == arm_norm:
            raise error
        return fit(config, **options)

    return fit_or_fail


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (Diverged("the loss of epoch 1 is nan"), "diverged", "the loss of epoch 1 is nan"),
        (MemoryError("too much"), "out_of_memory", "MemoryError: too much"),
        (ZeroDivisionError("division by zero"), "failed", "ZeroDivisionError: division by zero"),
    ],
)
def test_every_end_is_told_truthfully(
    world: Any, study_tree: Tree, fit: Any, error: Exception, state: str, reason: str
) -> None:
    played = world(study_tree)
    agenda = played.play(fit=failing(fit, error))
    rows = [row for row in agenda.tables.rows.values() if row["arm"] == "bn"]
    kinds = ["search"] * 2 + ["replicate"] * (len(agenda.plan.seeds) if state == "diverged" else 0)
    assert [(row["kind"], row["state"], row["reason"], row["val/accuracy"]) for row in rows] == [
        (k, state, reason, None) for k in kinds
    ]
    assert optuna_states(played) == {"COMPLETE": 4, "FAIL": 2}
    if state == "diverged":  # does it diverge from other seeds too? The first of equals is asked
        assert agenda.chosen["bn", 0].number == 0
    else:
        assert agenda.chosen["bn", 0] is None
    assert (
        (store.trial_folder(played.folder, rows[0]["id"]) / "error.txt")
        .read_text()
        .strip()
        .endswith(reason.split(": ")[-1])
    )
    assert rows_by_arm(agenda)["full"] == 4


def rows_by_arm(agenda: Any) -> Counter[str]:
    return Counter(key[0] for key in agenda.tables.rows)


def test_diverged_may_be_told_as_the_worst_value(world: Any, study_tree: Tree, fit: Any) -> None:
    study_tree["search"]["diverged"] = "worst"
    played = world(study_tree)
    agenda = played.play(fit=failing(fit, Diverged("silent")))
    assert optuna_states(played) == {"COMPLETE": 6}
    assert {row["state"] for row in agenda.tables.rows.values() if row["arm"] == "bn"} == {
        "diverged"
    }
    (played.folder / "optuna.db").unlink()
    played.play()
    assert optuna_states(played) == {
        "COMPLETE": 6
    }  # also by a database that is rebuilt from the folders


def dead_worker() -> None:
    raise ToldToStop(SystemExit())  # nothing is recorded, as if the process were gone


def in_turn(fit: Any, ends: dict[int, Any]) -> Any:
    """Training whose n-th search trial reports an epoch like all others', or one behind them, and
    then comes to ``ends[n]``: an error, or a call."""
    numbers: dict[str, int] = {}

    def fit_or_end(config: Any, *, report: Any, **options: Any) -> dict[str, float]:
        number = numbers.setdefault(trial_id(config), len(numbers))
        end = ends.get(number)
        if options["test"] or end is None:
            return fit(config, report=lambda row: report({**row, "val/accuracy": 0.5}), **options)
        report(
            {
                **dict.fromkeys(store.EPOCH_METRICS, 0.5),
                "epoch": 1,
                "val/accuracy": 0.1 if end == "pruned" else 0.5,
            }
        )
        if callable(end):
            end()
        raise end

    return fit_or_end


@pytest.mark.parametrize(
    ("diverged", "told"), [("fail", ("FAIL", None)), ("worst", ("COMPLETE", 0.0))]
)
def test_what_optuna_is_told_of_every_state(
    world: Any, study_tree: Tree, fit: Any, killed: Any, diverged: str, told: Any
) -> None:
    """Seven search trials, one for each end; the run is killed while the last one trains, and
    another run goes on."""
    pruner = {"type": "median", "startup_trials": 1}
    study_tree.update(
        search={"trials": 7, "diverged": diverged, "pruner": pruner},
        ablation={},
        baselines={},
        max_failed=1.0,
    )
    played = world(study_tree)
    agenda = played.open()

    def end_of_run() -> None:
        raise killed

    ends = {
        1: Diverged("silent"),
        2: MemoryError("too much"),
        3: KeyError("bug"),
        4: dead_worker,
        5: "pruned",
        6: end_of_run,
    }
    with pytest.raises(killed):
        played.work(agenda, fit=in_turn(fit, ends))
    agenda.interrupt()
    agenda.close()
    in_table = {key.number: row["state"] for key, row in agenda.tables.rows.items()}
    first = ["completed", "diverged", "out_of_memory", "failed", "failed", "pruned", "interrupted"]
    assert in_table == dict(enumerate(first))
    assert optuna_states(played)["RUNNING"] == 1  # the interrupted one, which is gone on with

    agenda = played.play(fit=in_turn(fit, {}))
    rows = {key.number: row for key, row in agenda.tables.rows.items() if key[1] == "search"}
    assert [rows[number]["state"] for number in range(7)] == [
        *first[:4],
        "completed",
        "pruned",
        "completed",
    ]
    trials = optuna.load_study(
        study_name=None, storage=f"sqlite:///{played.folder}/optuna.db"
    ).get_trials()
    values = {
        0: ("COMPLETE", rows[0]["val/accuracy"]),
        1: told,
        5: ("PRUNED", None),
        6: ("COMPLETE", rows[6]["val/accuracy"]),
    }
    assert [
        (trial.state.name, trial.value if trial.state.name == "COMPLETE" else None)
        for trial in trials
    ] == [values.get(number, ("FAIL", None)) for number in range(7)]
    # what it was told it keeps: the trial whose workers died was tried again by the second run, and
    # completed
    assert [trial.user_attrs["state"] for trial in trials] == [*first[:6], "completed"]
    assert [trial.user_attrs.get("reason") for trial in trials] == [
        None, "silent", "MemoryError: too much", "KeyError: 'bug'",
        "the worker ended without an outcome",
        "behind the others at epoch 1", None,
    ]  # fmt: skip


def test_out_of_memory_is_tried_again_alone(world: Any, study_tree: Tree, fit: Any) -> None:
    crowded: set[int] = set()

    def once(config: Any, **options: Any) -> dict[str, float]:
        if config.model.norm == "bn" and config.seed not in crowded:
            crowded.add(config.seed)
            raise MemoryError
        return fit(config, **options)

    agenda = world(study_tree).play(fit=once)
    assert {row["state"] for row in agenda.tables.rows.values()} == {"completed"}


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


def test_a_full_disk_stops_the_study_which_goes_on_once_there_is_room(
    world: Any, study_tree: Tree, fit: Any
) -> None:
    played = world(study_tree)
    agenda = played.play(fit=failing(fit, OSError(errno.ENOSPC, "No space left on device")))
    assert (
        "the disk is full: OSError: [Errno 28] No space left on device; make room" in agenda.fatal
    )
    assert {row["state"] for row in played.play().tables.rows.values()} == {"completed"}


def test_a_dead_worker_is_replaced_and_then_given_up(world: Any, study_tree: Tree) -> None:
    agenda = world(study_tree).open()
    for death in range(3):
        job = agenda.next()
        assert (job.arm, job.number) == ("full", 0)
        assert agenda.end(job, None, "the worker died").state == (
            "interrupted" if death < 2 else "failed"
        )
    assert agenda.next().arm == "no_straight_through"
    assert agenda.tables.rows[("full", "search", 0, 0, 0)]["reason"] == "the worker died"


def test_a_bug_is_not_tried_again(world: Any, study_tree: Tree, fit: Any) -> None:
    played = world(study_tree)
    played.play(fit=failing(fit, KeyError("bug")))
    trained = len(played.trained)
    assert played.play().finished
    assert len(played.trained) == trained


def test_trials_that_all_die_alike_stop_the_study(world: Any, study_tree: Tree, fit: Any) -> None:
    agenda = world(study_tree).play(fit=failing(failing(fit, KeyError("x"), "ei"), KeyError("x")))
    assert agenda.finished
    assert "the first 3 trials all failed with: KeyError: 'x'" in agenda.fatal
    assert len(agenda.tables.rows) == 3


def test_too_many_failures_stop_the_study(world: Any, study_tree: Tree, fit: Any) -> None:
    study_tree["search"]["trials"], study_tree["max_failed"] = 8, 0.2
    agenda = world(study_tree).play(fit=failing(fit, KeyError("x")))
    assert "of 10 trials failed, over max_failed: 0.2" in agenda.fatal


# ---- damage


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


# ---- edits


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


# ---- budgets


@pytest.mark.parametrize("budget", [{"trials": 9}, {"epochs": 18}])
def test_replicates_are_served_before_search_spends_the_rest(
    world: Any, study_tree: Tree, budget: dict[str, int]
) -> None:
    study_tree["search"]["trials"], study_tree["budget"] = 5, budget
    agenda = world(study_tree).play()
    assert agenda.finished
    kinds: Callable[[str], int] = Counter(key[1] for key in agenda.tables.rows).__getitem__
    assert (kinds("search"), kinds("replicate")) == (3, 6)
    assert "is used up" in agenda.budget_note


def test_searches_that_a_budget_leaves_unequal_are_named(
    without_ray: Any, study_tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    study_tree["search"]["trials"], study_tree["budget"] = 5, {"trials": 10}
    code, folder = without_ray(study_tree).run()
    assert code == 3  # a study that its budget ended is not done
    expected = "the searches are not equally long (full 2, no_straight_through 1, bn 1 trials)"
    assert expected in capsys.readouterr().out
    study = read_study(folder)
    outcome = next(
        section
        for section in sections.all_sections(study, options_for(study))
        if section.key == "outcome"
    )
    note = "the budget of 10 trials is used up but for the replicates"
    assert outcome.text.endswith(f"tiny ended before its plan was done: {note}; {expected}.")
    study_tree["budget"] = {}
    without_ray(study_tree).run()
    assert sections.ended_early(read_study(folder)) == ""

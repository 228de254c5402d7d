"""How trials end: recorded truthfully, told to the tables and to Optuna."""

from __future__ import annotations

from collections import Counter
from typing import Any

import optuna
import pytest

from eisnn.config.trial import trial_id
from eisnn.errors import Diverged
from study import store
from study.worker.trial import ToldToStop
from tests.study.agenda.played import failing, optuna_states

Tree = dict[str, Any]


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
    assert Counter(key[0] for key in agenda.tables.rows)["full"] == 4


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


def test_a_bug_is_not_tried_again(world: Any, study_tree: Tree, fit: Any) -> None:
    played = world(study_tree)
    played.play(fit=failing(fit, KeyError("bug")))
    trained = len(played.trained)
    assert played.play().finished
    assert len(played.trained) == trained

"""Optuna's pruners as a study file asks for them: numbers that can be checked by hand."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from study.search.pruners import Deferred, make_pruner
from study.spec.search import Search


def stops(pruner: dict[str, Any], *trials: list[float], epochs: int = 8) -> list[int | None]:
    """The epoch after which each trial is stopped; one after another, a higher value is better."""
    search = Search(pruner=pruner)
    study = optuna.create_study(direction="maximize", pruner=make_pruner(search, epochs))
    found: list[int | None] = []
    for values in trials:
        trial = study.ask()
        stopped = None
        for epoch, value in enumerate(values, start=1):
            trial.report(value, epoch)
            if trial.should_prune():
                stopped = epoch
                break
        state = optuna.trial.TrialState.PRUNED if stopped else None
        study.tell(trial, None if stopped else values[-1], state)
        found.append(stopped)
    return found


def test_without_a_pruner_nothing_is_stopped() -> None:
    assert make_pruner(Search(), 8) is None


def test_half_of_two_goes_on_at_the_first_rung() -> None:
    """The better of two after the grace epochs is the first half; the second one is worse."""
    asha = {"type": "asha", "reduction_factor": 2, "grace_epochs": 2}
    assert stops(asha, [0.5, 0.9], [0.5, 0.4], [0.5, 0.95]) == [None, 2, None]


@pytest.mark.parametrize(("grace", "epoch"), [(1, 1), (2, 2)])
def test_what_is_below_the_median_is_stopped_once_enough_have_ended(grace: int, epoch: int) -> None:
    """The median of 0.2 and 0.4 is 0.3. One trial alone is no median with two to start with."""
    median = {"type": "median", "startup_trials": 2, "grace_epochs": grace}
    found = stops(median, [0.4, 0.4], [0.2, 0.2], [0.25, 0.25], [0.35, 0.35])
    assert found == [None, None, epoch, None]


def test_seeds_that_are_all_worse_stop_a_configuration() -> None:
    """Three signs of one kind have p = 1/8, below 0.2; two have 1/4."""
    wilcoxon = {"type": "wilcoxon", "p_threshold": 0.2}
    assert stops(wilcoxon, [0.9, 0.91, 0.92, 0.93], [0.1, 0.2, 0.4, 0.3]) == [None, 3]


def test_the_brackets_of_hyperband_end_with_the_trial() -> None:
    """Of 8 epochs and a factor of 2 from epoch 1 on there are four brackets: 1, 2, 4 and 8."""
    pruner = make_pruner(Search(pruner={"type": "hyperband", "reduction_factor": 2}), 8)
    study = optuna.create_study(pruner=pruner)
    trial = study.ask()
    trial.report(0.5, 1)
    trial.should_prune()
    assert isinstance(pruner, optuna.pruners.HyperbandPruner)
    assert pruner._n_brackets == 4


def test_a_pruners_notes_wait_for_its_decision() -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage)
    trial = study.ask()._trial_id
    deferred = Deferred(storage)
    deferred.set_trial_system_attr(trial, "rung", 1)
    assert deferred.get_trial(trial).system_attrs == {}
    assert deferred.writes == [(trial, "rung", 1)]

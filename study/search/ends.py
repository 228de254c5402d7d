"""The ends of one search's trials: decides whether to stop them early, and tells Optuna.

Every decision is on disk before anything follows from it.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping

import optuna
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, TrialState

from study.plan import Arm, Plan
from study.search.pruners import Deferred, make_pruner
from study.spec.search import METRICS
from study.store import State

TOLD: dict[str, TrialState] = {
    State.COMPLETED: TrialState.COMPLETE,
    State.PRUNED: TrialState.PRUNED,
}  # the rest: FAIL


class Ends:
    """The ends of one search's trials, in Optuna's storage."""

    def __init__(self, study: optuna.Study, plan: Plan, arm: Arm) -> None:
        assert plan.spec.search is not None
        self.optuna, self.plan, self.search = study, plan, plan.spec.search
        self.storage = study._storage
        self.epochs = plan.epochs(arm)
        self.pruner = make_pruner(self.search, self.epochs)

    def trial(self, number: int) -> FrozenTrial:
        """Returns the trial in its present state."""
        study = self.optuna._study_id
        handle = self.storage.get_trial_id_from_study_id_trial_number(study, number)
        return self.storage.get_trial(handle)

    # -- whether to stop

    def should_stop(self, number: int, epoch: int, value: float) -> bool:
        """Records an epoch's value and asks the pruner.

        Keeps the decisions that were made before a crash.
        """
        if self.pruner is None or self.search.seeds > 1:
            return False
        trial = self.trial(number)
        stopped_at = trial.user_attrs.get("stopped_at")
        if stopped_at is not None or trial.state.is_finished():
            return stopped_at is not None and epoch >= stopped_at
        # A trial that finished its last epoch is complete: there is nothing left to stop.
        return self.decide(trial, epoch, value, "stopped_at", is_last=epoch >= self.epochs)

    def decide(
        self, trial: FrozenTrial, step: int, value: float, note: str, *, is_last: bool
    ) -> bool:
        """Returns whether the pruner stops the trial after this step's value.

        Writes the value first, then a decision to stop as ``note``, then the pruner's own notes.
        """
        if trial.last_step is not None and step < trial.last_step:
            return False
        self.storage.set_trial_intermediate_value(trial._trial_id, step, value)
        if self.pruner is None:
            return False
        view = copy.copy(self.optuna)
        view._storage = deferred = Deferred(self.storage)
        with warnings.catch_warnings(action="ignore"):
            stop = self.pruner.prune(view, self.storage.get_trial(trial._trial_id)) and not is_last
        if stop:
            self.storage.set_trial_user_attr(trial._trial_id, note, step)
        for write in deferred.writes:
            self.storage.set_trial_system_attr(*write)
        return bool(stop)

    # -- what came of it

    def values(self, metrics: Mapping[str, float]) -> list[float] | None:
        """Returns a trial's value of each objective; None if one is missing."""
        names = list(self.plan.spec.objectives)
        if any(metrics.get(name) is None for name in names):
            return None
        return [float(metrics[name]) for name in names]

    def tell(
        self, number: int, state: str, metrics: Mapping[str, float], reason: str | None
    ) -> None:
        """Records a trial's end truthfully: COMPLETE, PRUNED, or FAIL with state and reason."""
        trial = self.trial(number)
        if trial.state.is_finished():
            return
        outcome, values = self.truth(state, metrics)
        self.storage.set_trial_user_attr(trial._trial_id, "state", state)
        if reason:
            self.storage.set_trial_user_attr(trial._trial_id, "reason", reason[:500])
        if outcome == TrialState.COMPLETE:
            for name, violation in self.search.violations(metrics).items():
                key = f"{_CONSTRAINTS_KEY}:{name}"
                self.storage.set_trial_system_attr(trial._trial_id, key, violation)
        with warnings.catch_warnings(action="ignore"):
            self.optuna.tell(number, values, outcome)

    def truth(
        self, state: str, metrics: Mapping[str, float]
    ) -> tuple[TrialState, list[float] | None]:
        """Returns the state that Optuna is told, and the values if that is COMPLETE."""
        outcome, values = TOLD.get(state, TrialState.FAIL), self.values(metrics)
        if state == State.DIVERGED and self.search.diverged == "worst":
            outcome, values = TrialState.COMPLETE, self._worst()
        if outcome != TrialState.COMPLETE:
            return outcome, None
        if values is None:
            return TrialState.FAIL, None
        return outcome, values

    def _worst(self) -> list[float] | None:
        """Returns an accuracy of 0 or, for other metrics, the worst value told so far."""
        metric = self.plan.spec.metric
        if metric.name in METRICS and metric.mode == "max":
            return [0.0]
        complete = self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        told = [trial.value for trial in complete if trial.value is not None]
        worst = min if metric.mode == "max" else max
        return [worst(told)] if told else None

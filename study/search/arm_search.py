"""What an arm's search tries next, and whether to stop a trial early. Optuna decides; its SQLite storage remembers.

Only the driver opens the storage. Every proposal is a function of (search seed, arm, trial number, outcomes told so far): each
number has its own fresh sampler, so there is no random state to save. A kill at any moment leaves at most a RUNNING trial with
some of its parameters, which `ArmSearch.unfinished` completes to what it would have been.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from eisnn.config.trial import trial_id
from eisnn.config.yaml_file import ConfigError
from study.plan.plan import Arm, Plan, search_name
from study.search.optuna_parts import (
    Deferred,
    choice,
    distribution,
    make_pruner,
    make_sampler,
    seed_for,
    unchoice,
)
from study.spec.models import METRICS

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
TOLD = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED}  # every other end is FAIL


@dataclass(frozen=True)
class Proposal:
    """One search trial as Optuna numbers it. ``id`` is None where the values do not go together."""

    number: int
    parameters: dict[str, Any]
    id: str | None
    told: bool = False  # Optuna knows its outcome
    stopped_at: int | None = None  # the epoch at which the pruner stopped it


# ---- one arm ------------------------------------------------------------------------------------------------------------


class ArmSearch:
    """The search of one arm: an Optuna study, and what makes its trials ours."""

    def __init__(self, storage: optuna.storages.RDBStorage, plan: Plan, arm: Arm) -> None:
        assert plan.spec.search is not None
        self.plan, self.arm, self.search = plan, arm, plan.spec.search
        self.budget = plan.search_trials(arm)
        self.pruner = make_pruner(self.search, plan.epochs(arm))
        with warnings.catch_warnings(action="ignore"):
            self.optuna = optuna.create_study(
                storage=storage,
                study_name=search_name(plan, arm),
                directions=[
                    "maximize" if mode == "max" else "minimize"
                    for mode in plan.spec.objectives.values()
                ],
                pruner=self.pruner or optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
        self.storage = self.optuna._storage
        self.points = self._points()
        self.handles: dict[int, int] = {}  # our numbers -> the storage's trial ids
        self.retired = 0  # trials of this search that the study file no longer asks for
        self.count = 0  # trials that count against the budget

    def _points(self) -> list[dict[str, Any]]:
        if self.search.sampler == "grid":
            return self.arm.grid()
        return [
            {path: value for path, value in point.items() if path in self.arm.space}
            for point in self.search.points
        ]

    # -- what is there

    def load(self) -> list[Proposal]:
        """The trials so far that the study file still asks for, by number; half-proposed ones are completed."""
        kept: list[Proposal] = []
        for frozen in self.optuna.get_trials(deepcopy=False):
            if frozen.state == TrialState.WAITING:
                continue
            running = frozen.state == TrialState.RUNNING
            proposal = self._propose(self._reopen(frozen)) if running else self._recorded(frozen)
            if len(kept) < self.budget and self._wanted(frozen, proposal):
                kept.append(proposal)
                continue
            self.retired += 1
            if running:
                self.tell(proposal.number, "retired", {}, "the study file no longer asks for it")
        self.count = len(kept)
        return kept

    def _wanted(self, frozen: FrozenTrial, proposal: Proposal) -> bool:
        """Whether this file's space holds the trial, and its values still give the config that was trained."""
        if not self.arm.holds(proposal.parameters):
            return False
        recorded = frozen.user_attrs.get("id")
        return recorded is None or recorded == self.identity(proposal.parameters)

    def _recorded(self, frozen: FrozenTrial) -> Proposal:
        self.handles[frozen.number] = frozen._trial_id
        values = self._external(frozen.params)
        attributes = frozen.user_attrs
        return Proposal(
            frozen.number, values, attributes.get("id"), True, attributes.get("stopped_at")
        )

    def _reopen(self, frozen: FrozenTrial) -> Trial:
        """The live handle of a RUNNING trial. Optuna has no public way; covered by tests, and Optuna is pinned."""
        self.optuna._thread_local.cached_all_trials = None
        self.optuna.sampler = self._sampler(frozen.number)
        return Trial(self.optuna, frozen._trial_id)

    def _external(self, values: Mapping[str, Any]) -> dict[str, Any]:
        known = self.arm.space
        return {
            path: unchoice(known[path], value) if path in known else value
            for path, value in values.items()
        }

    def adopt(
        self,
        parameters: dict[str, Any],
        identity: str,
        state: Mapping[str, Any],
        values: Mapping[int, float],
    ) -> None:
        """Enters a finished trial that is known from its folder alone (a lost database, or a search that changed its kind)."""
        outcome, measured = self._truth(state["state"], state["metrics"])
        attributes = {"id": identity, "state": state["state"], "reason": state.get("reason") or ""}
        if state["state"] == "pruned":
            attributes["stopped_at"] = state["epochs"]
        trial = optuna.create_trial(
            state=outcome,
            values=measured,
            params={path: choice(value) for path, value in parameters.items()},
            distributions={path: distribution(self.arm.space[path]) for path in parameters},
            intermediate_values=dict(values) if self.pruner else {},
            user_attrs=attributes,
        )
        self.optuna.add_trial(trial)

    @property
    def adopted(self) -> bool:
        return bool(self.optuna.user_attrs.get("adopted"))

    def set_adopted(self) -> None:
        self.optuna.set_user_attr("adopted", True)

    # -- what next

    def ask(self) -> Proposal | None:
        """The next trial, recorded as RUNNING with its parameters and its id; None when the budget is used up."""
        if self.count >= self.budget:
            return None
        trials = self.optuna.get_trials(deepcopy=False)
        waiting = [trial.number for trial in trials if trial.state == TrialState.WAITING]
        if not waiting:
            self._enqueue_point(trials)
        number = waiting[0] if waiting else len(trials)
        self.optuna.sampler = self._sampler(number)
        proposal = self._propose(self.optuna.ask())
        self.count += 1
        return proposal

    def _enqueue_point(self, trials: list[FrozenTrial]) -> None:
        """Puts the first point of the file (or of the grid) that is not there yet in front."""
        used = {trial.user_attrs.get("point") for trial in trials}
        for point in self.points:
            name = json.dumps(point, sort_keys=True)
            if point and name not in used:
                encoded = {path: choice(value) for path, value in point.items()}
                self.optuna.enqueue_trial(encoded, user_attrs={"point": name})
                return

    def _propose(self, trial: Trial) -> Proposal:
        """Gives ``trial`` its parameters, one by one in the arm's order, and its id; what it already has stays."""
        number, values = trial.number, dict[str, Any]()
        _ = trial.relative_params  # drawn together, by the trial's own sampler
        for path in self.arm.active(values):
            self.optuna.sampler = self._sampler(number, path)
            values[path] = unchoice(
                self.arm.space[path], trial._suggest(path, distribution(self.arm.space[path]))
            )
        identity = self.identity(values)
        self.handles[number] = trial._trial_id
        if identity is not None and trial.user_attrs.get("id") != identity:
            trial.set_user_attr("id", identity)
        return Proposal(number, values, identity, False, trial.user_attrs.get("stopped_at"))

    def _sampler(self, number: int, path: str = "") -> optuna.samplers.BaseSampler:
        return make_sampler(self.search, seed_for(self.search.seed, self.arm.name, number, path))

    def identity(self, values: Mapping[str, Any]) -> str | None:
        try:
            return trial_id(self.arm.config(values, self.search.seed))
        except ConfigError:
            return None

    # -- whether to stop

    def should_stop(self, number: int, epoch: int, value: float) -> bool:
        """Records an epoch's value and asks the pruner. Epochs decided before a crash are not decided again.

        The order makes each decision durable before its consequences: value, decision to stop, the pruner's own notes.
        """
        if self.pruner is None:
            return False
        trial = self.storage.get_trial(self.handles[number])
        stopped_at = trial.user_attrs.get("stopped_at")
        if stopped_at is not None or trial.state.is_finished():
            return stopped_at is not None and epoch >= stopped_at
        if trial.last_step is not None and epoch < trial.last_step:
            return False
        self.storage.set_trial_intermediate_value(trial._trial_id, epoch, value)
        view = copy.copy(self.optuna)
        view._storage = deferred = Deferred(self.storage)
        stop = self.pruner.prune(view, self.storage.get_trial(trial._trial_id))
        if stop:
            self.storage.set_trial_user_attr(trial._trial_id, "stopped_at", epoch)
        for write in deferred.writes:
            self.storage.set_trial_system_attr(*write)
        return bool(stop)

    # -- what came of it

    def values(self, metrics: Mapping[str, float]) -> list[float] | None:
        """What a trial measured of each objective; None if one is missing."""
        measured = [metrics.get(name) for name in self.plan.spec.objectives]
        return (
            None if None in measured else [float(value) for value in measured if value is not None]
        )

    def tell(
        self, number: int, state: str, metrics: Mapping[str, float], reason: str | None
    ) -> None:
        """Records a trial's end truthfully: COMPLETE, PRUNED, or FAIL with the state and reason as attributes."""
        handle = self.handles[number]
        if self.storage.get_trial(handle).state.is_finished():
            return
        outcome, values = self._truth(state, metrics)
        self.storage.set_trial_user_attr(handle, "state", state)
        if reason:
            self.storage.set_trial_user_attr(handle, "reason", reason[:500])
        with warnings.catch_warnings(action="ignore"):
            self.optuna.tell(number, values, outcome)

    def _truth(
        self, state: str, metrics: Mapping[str, float]
    ) -> tuple[TrialState, list[float] | None]:
        """What Optuna is told of an end, and the values that go with COMPLETE."""
        outcome, values = TOLD.get(state, TrialState.FAIL), self.values(metrics)
        if state == "diverged" and self.search.diverged == "worst":
            outcome, values = TrialState.COMPLETE, self._worst()
        if outcome != TrialState.COMPLETE:
            return outcome, None
        return (outcome, values) if values is not None else (TrialState.FAIL, None)

    def _worst(self) -> list[float] | None:
        """An accuracy of 0, or the largest loss told so far."""
        if METRICS[self.plan.spec.metric.name] == "max":
            return [0.0]
        told = [
            trial.value
            for trial in self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        ]
        return [max(value for value in told if value is not None)] if told else None

"""The search of one arm: an Optuna study, and what makes its trials ours.

Only the driver opens the storage. Every proposal is a function of (search seed, repeat, trial
number, outcomes told so far): each number has samplers of its own, so there is no random state to
save. A kill at any moment leaves at most a RUNNING trial with some of its parameters, which
`ArmSearch.load` completes to what it would have been.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, Trial, TrialState

from study.plan import Arm, Plan, search_name
from study.search import warm_start
from study.search.pruners import Deferred, make_pruner
from study.search.samplers import Draw, make_sampler
from study.search.storage import name_search
from study.spec.distributions import distribution, from_optuna, to_optuna
from study.spec.search import METRICS
from study.store import Outcome, State

TOLD: dict[str, TrialState] = {
    State.COMPLETED: TrialState.COMPLETE,
    State.PRUNED: TrialState.PRUNED,
}  # the rest: FAIL
Slot = tuple[str, int]  # an arm's name and the repeat
IN_VAIN = 16  # so many proposals in a row that are no new trial, then the space is looked through


@dataclass(frozen=True)
class Proposal:
    """One search trial as Optuna numbers it. ``id`` is None where the values do not go together."""

    number: int
    parameters: dict[str, Any]
    id: str | None
    told: bool = False  # Optuna knows its outcome
    stopped_at: int | None = None  # the epoch at which the pruner stopped it


class ArmSearch:
    """One search of an arm: what it tried, what it tries next, and what came of it."""

    def __init__(
        self, storage: optuna.storages.RDBStorage, plan: Plan, arm: Arm, repeat: int = 0
    ) -> None:
        assert plan.spec.search is not None
        self.plan, self.arm, self.repeat, self.search = plan, arm, repeat, plan.spec.search
        self.seed = plan.search_seed(repeat)  # of every trial's training
        self.budget = plan.search_trials(arm)
        self.pruner = make_pruner(self.search, plan.epochs(arm))
        modes = plan.spec.objectives.values()
        name = search_name(plan, arm, repeat)
        assert name is not None
        name_search(storage, name, plan.search_mark(arm, repeat), plan.search_names)
        with warnings.catch_warnings(action="ignore"):
            self.optuna = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=["maximize" if mode == "max" else "minimize" for mode in modes],
                pruner=self.pruner or optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
        self.storage = self.optuna._storage
        self.points = self._points()
        self.warm_up()
        self.handles: dict[int, int] = {}  # our numbers -> the storage's trial ids
        self.ids: set[str] = set()  # the trials that count against the budget
        self.retired = 0  # trials of this search that the study file no longer asks for

    @property
    def count(self) -> int:
        """How many trials count against the budget: each configuration once."""
        return len(self.ids)

    def _points(self) -> list[dict[str, Any]]:
        """What is tried first, in its one form."""
        if self.search.sampler == "grid":
            return self.arm.trials(self.seed, self.budget)
        space = self.arm.space
        return [
            {path: space[path].nearest(value) for path, value in point.items() if path in space}
            for point in self.search.points
        ]

    # -- what is there

    def load(self) -> list[Proposal]:
        """The trials so far that the study file still asks for, by number.

        Half-proposed ones are completed.
        """
        kept: list[Proposal] = []
        self.ids.clear()
        for frozen in self.optuna.get_trials(deepcopy=False):
            is_running = frozen.state == TrialState.RUNNING
            if frozen.state == TrialState.WAITING or "from" in frozen.user_attrs:
                continue
            if frozen.user_attrs.get("surplus"):
                if is_running:  # killed before it was closed
                    self.storage.set_trial_state_values(frozen._trial_id, TrialState.FAIL)
                continue
            proposal = self._propose(self._reopen(frozen)) if is_running else self._recorded(frozen)
            if not self._is_wanted(frozen, proposal):
                self.retired += 1
                if is_running:
                    reason = "the study file no longer asks for it"
                    self.tell(proposal.number, "retired", {}, reason)
            elif self._is_new(proposal):
                if self.count < self.budget:
                    assert proposal.id is not None
                    self.ids.add(proposal.id)
                    kept.append(proposal)
                else:
                    self.retired += 1
                    if is_running:
                        self.tell(proposal.number, "retired", {}, "over the budget")
            elif is_running:
                self._discard(proposal)
        return kept

    def _is_wanted(self, frozen: FrozenTrial, proposal: Proposal) -> bool:
        """Whether this file's space holds the trial, with the config that was trained."""
        if not self.arm.holds(proposal.parameters):
            return False
        recorded = frozen.user_attrs.get("id")
        return recorded is None or recorded == self.identity(proposal.parameters)

    def _is_new(self, proposal: Proposal) -> bool:
        """Whether the values go together, to a trial that this search does not have yet."""
        return proposal.id is not None and proposal.id not in self.ids

    def _recorded(self, frozen: FrozenTrial) -> Proposal:
        self.handles[frozen.number] = frozen._trial_id
        attributes = frozen.user_attrs
        identity = attributes.get("id")
        values = self._from_optuna(frozen.params)
        if identity is not None and self.identity(values) != identity:
            # Steps of earlier versions were sums of floats: 0.30000000000000004 is kept as it was.
            values = dict(frozen.params)
        return Proposal(frozen.number, values, identity, True, attributes.get("stopped_at"))

    def _reopen(self, frozen: FrozenTrial) -> Trial:
        """The live handle of a RUNNING trial.

        Optuna has no public way; covered by tests, and Optuna is pinned.
        """
        self.optuna._thread_local.cached_all_trials = None
        self.optuna.sampler = self._sampler(frozen.number, "", self._in_vain(frozen.number) > 0)
        return Trial(self.optuna, frozen._trial_id)

    def _from_optuna(self, values: Mapping[str, Any]) -> dict[str, Any]:
        space = self.arm.space
        return {
            path: from_optuna(space[path], value) if path in space else value
            for path, value in values.items()
        }

    def adopt(self, parameters: dict[str, Any], end: Outcome, values: Mapping[int, float]) -> None:
        """Enters a finished trial that is known from its folder alone.

        The database was lost, or the search has changed its kind.
        """
        outcome, measured = self._truth(end.state, end.metrics)
        attributes: dict[str, Any] = {"id": end.id, "state": end.state, "reason": end.reason or ""}
        if end.state == State.PRUNED:
            attributes["stopped_at"] = end.epochs
        trial = optuna.create_trial(
            state=outcome,
            values=measured,
            params={path: to_optuna(value) for path, value in parameters.items()},
            distributions={path: distribution(self.arm.space[path]) for path in parameters},
            intermediate_values=dict(values) if self.pruner else {},
            user_attrs=attributes,
            constraints=self.search.violations(end.metrics) or None,
        )
        self.optuna.add_trial(trial)

    def warm_up(self) -> None:
        """Enters what another study found out, once, before this search's own trials.

        Trials of the arm of the same name count, as far as this arm's space holds their values.
        """
        folder = self.search.from_
        if folder is None or "warmed_up" in self.optuna.user_attrs:
            return
        there = {trial.user_attrs.get("from") for trial in self.optuna.get_trials(deepcopy=False)}
        for trial in warm_start.trials(Path(folder), self.arm, self.plan.spec.objectives):
            if trial.user_attrs["from"] not in there:
                self.optuna.add_trial(trial)
                there.add(trial.user_attrs["from"])
        self.optuna.set_user_attr("warmed_up", len(there - {None}))

    @property
    def warmed_up(self) -> int:
        """How many trials of another study this search knows."""
        return int(self.optuna.user_attrs.get("warmed_up", 0))

    @property
    def adopted(self) -> bool:
        return bool(self.optuna.user_attrs.get("adopted"))

    def set_adopted(self) -> None:
        self.optuna.set_user_attr("adopted", True)

    # -- what next

    def ask(self) -> Proposal | None:
        """The next trial, recorded as RUNNING with its parameters and its id.

        A proposal that is no new trial is not counted, and a fresh draw takes its place. None when
        the budget is used up, or the space holds no further trial: the budget then ends here.
        """
        while self.count < self.budget:
            number = self._next_number()
            if number is None:
                self.budget = self.count
                return None
            self.optuna.sampler = self._sampler(number, "", self._in_vain(number) > 0)
            proposal = self._propose(self.optuna.ask())
            if self._is_new(proposal):
                assert proposal.id is not None
                self.ids.add(proposal.id)
                return proposal
            self._discard(proposal)
        return None

    def _next_number(self) -> int | None:
        """The number that Optuna gives next, with a point enqueued for it if there is one.

        None if too many proposals were in vain and the space has no further trial.
        """
        trials = self.optuna.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.WAITING:
                return int(trial.number)
        number = len(trials)
        if not self._enqueue_point(trials) and self._in_vain(number) > IN_VAIN:
            return number if self._enqueue_unseen() else None
        return number

    def _enqueue_point(self, trials: list[FrozenTrial]) -> bool:
        """Puts the first point of the file (or of the grid) that is not there yet in front."""
        used = {trial.user_attrs.get("point") for trial in trials}
        for point in self.points:
            name = json.dumps(point, sort_keys=True)
            if point and name not in used:
                self._enqueue(point, {"point": name})
                return True
        return False

    def _enqueue_unseen(self) -> bool:
        """Looks through a finite space for a trial that is not there yet, and puts it in front."""
        if not self.arm.is_finite:
            return False
        for point in self.arm.trials(self.seed, self.count + 1):
            if self.identity(point) not in self.ids:
                self._enqueue(point, {})
                return True
        return False

    def _enqueue(self, point: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        encoded = {path: to_optuna(value) for path, value in point.items()}
        self.optuna.enqueue_trial(encoded, user_attrs=dict(attributes))

    def _propose(self, trial: Trial) -> Proposal:
        """Gives ``trial`` its parameters, one by one in the arm's order, and its id.

        What it already has stays.
        """
        number, values = trial.number, dict[str, Any]()
        is_fresh = self._in_vain(number) > 0
        _ = trial.relative_params  # drawn together, by the trial's own sampler
        for path in self.arm.active(values):
            parameter = self.arm.space[path]
            self.optuna.sampler = self._sampler(number, path, is_fresh)
            drawn = trial._suggest(path, distribution(parameter))
            values[path] = from_optuna(parameter, drawn)
        identity = self.identity(values)
        self.handles[number] = trial._trial_id
        if identity is not None and trial.user_attrs.get("id") != identity:
            trial.set_user_attr("id", identity)
        return Proposal(number, values, identity, False, trial.user_attrs.get("stopped_at"))

    def _sampler(self, number: int, path: str, is_fresh: bool) -> optuna.samplers.BaseSampler:
        spec = self.plan.spec
        draw = Draw(self.repeat, number, path, len(spec.objectives), tuple(spec.parameters))
        return make_sampler(self.search, draw, fresh=is_fresh)

    def _in_vain(self, number: int) -> int:
        """How many proposals in a row before ``number`` were no new trial."""
        count = 0
        for trial in reversed(self.optuna.get_trials(deepcopy=False)[:number]):
            if not trial.user_attrs.get("surplus"):
                break
            count += 1
        return count

    def _discard(self, proposal: Proposal) -> None:
        """Closes a proposal that is no new trial; it does not count."""
        reason = "proposed before" if proposal.id else "these values do not go together"
        self.storage.set_trial_user_attr(self.handles[proposal.number], "surplus", True)
        self.tell(proposal.number, "surplus", {}, reason)

    def identity(self, values: Mapping[str, Any]) -> str | None:
        """The id of the search trial with these values; None if they do not go together."""
        return self.arm.identity(values, self.seed)

    # -- whether to stop

    def should_stop(self, number: int, epoch: int, value: float) -> bool:
        """Records an epoch's value and asks the pruner.

        Epochs decided before a crash are not decided again. The order makes each decision durable
        before its consequences: value, decision to stop, the pruner's own notes.
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
        # A trial that finished its last epoch is complete: there is nothing left to stop.
        unfinished = epoch < self.plan.epochs(self.arm)
        stop = self.pruner.prune(view, self.storage.get_trial(trial._trial_id)) and unfinished
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
        """Records a trial's end truthfully: COMPLETE, PRUNED, or FAIL with state and reason."""
        handle = self.handles[number]
        if self.storage.get_trial(handle).state.is_finished():
            return
        outcome, values = self._truth(state, metrics)
        self.storage.set_trial_user_attr(handle, "state", state)
        if reason:
            self.storage.set_trial_user_attr(handle, "reason", reason[:500])
        if outcome == TrialState.COMPLETE:
            for name, violation in self.search.violations(metrics).items():
                key = f"{_CONSTRAINTS_KEY}:{name}"
                self.storage.set_trial_system_attr(handle, key, violation)
        with warnings.catch_warnings(action="ignore"):
            self.optuna.tell(number, values, outcome)

    def _truth(
        self, state: str, metrics: Mapping[str, float]
    ) -> tuple[TrialState, list[float] | None]:
        """What Optuna is told of an end, and the values that go with COMPLETE."""
        outcome, values = TOLD.get(state, TrialState.FAIL), self.values(metrics)
        if state == State.DIVERGED and self.search.diverged == "worst":
            outcome, values = TrialState.COMPLETE, self._worst()
        if outcome != TrialState.COMPLETE:
            return outcome, None
        return (outcome, values) if values is not None else (TrialState.FAIL, None)

    def _worst(self) -> list[float] | None:
        """An accuracy of 0, or the worst value told so far."""
        metric = self.plan.spec.metric
        if metric.name in METRICS and metric.mode == "max":
            return [0.0]
        complete = self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        told = [trial.value for trial in complete if trial.value is not None]
        worst = min if metric.mode == "max" else max
        return [worst(told)] if told else None

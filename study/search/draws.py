"""The proposals of one search: first the file's points, then draws of Optuna's sampler.

Every proposal is a function of (search seed, repeat, trial number, outcomes told so far). Each
number gets its own samplers, so there is no random state to save.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from study.plan import Arm, Plan
from study.search.proposal import Proposal
from study.search.samplers import Draw, make_sampler
from study.spec.distributions import distribution, from_optuna, to_optuna

IN_VAIN = 16  # after so many proposals in a row without a new trial, the space is searched for one


class Draws:
    """Draws one search's proposals, and reads earlier ones from Optuna's storage."""

    def __init__(self, study: optuna.Study, plan: Plan, arm: Arm, repeat: int) -> None:
        assert plan.spec.search is not None
        self.optuna, self.plan, self.arm, self.repeat = study, plan, arm, repeat
        self.search, self.seed = plan.spec.search, plan.search_seed(repeat)
        self.points = self._points()

    def _points(self) -> list[dict[str, Any]]:
        """Returns the points to try first, with their values in the study file's form."""
        if self.search.sampler == "grid":
            return self.arm.trials(self.seed, self.plan.proposals(self.arm))
        space = self.arm.space
        return [
            {path: space[path].nearest(value) for path, value in point.items() if path in space}
            for point in self.search.points
        ]

    def identity(self, values: Mapping[str, Any]) -> str | None:
        """Returns the id of the search trial with these values; None if they cannot be combined."""
        return self.arm.identity(values, self.seed)

    # -- new proposals

    def next(self, known: Collection[str]) -> Proposal | None:
        """Returns the next proposal, RUNNING in the storage; its trial need not be new.

        Returns None if the ids of all trials of the space are ``known``.
        """
        number = self._next_number(known)
        if number is None:
            return None
        self.optuna.sampler = self._sampler(number, "", self._in_vain(number) > 0)
        return self._complete(self.optuna.ask())

    def _next_number(self, known: Collection[str]) -> int | None:
        """Returns the number of Optuna's next trial, and enqueues a point for it if there is one.

        Returns None if too many proposals were in vain and the space has no further trial.
        """
        trials = self.optuna.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.WAITING:
                return int(trial.number)
        number = len(trials)
        if self._enqueue_point(trials) or self._in_vain(number) <= IN_VAIN:
            return number
        return number if self._enqueue_unseen(known) else None

    def _enqueue_point(self, trials: list[FrozenTrial]) -> bool:
        """Enqueues the first point of the file, or of the grid, that was not tried yet."""
        used = {trial.user_attrs.get("point") for trial in trials}
        for point in self.points:
            name = json.dumps(point, sort_keys=True)
            if point and name not in used:
                self._enqueue(point, {"point": name})
                return True
        return False

    def _enqueue_unseen(self, known: Collection[str]) -> bool:
        """Searches a finite space for a trial that was not tried yet, and enqueues it."""
        if not self.arm.is_finite:
            return False
        for point in self.arm.trials(self.seed, len(known) + 1):
            if self.identity(point) not in known:
                self._enqueue(point, {})
                return True
        return False

    def _enqueue(self, point: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        encoded = {path: to_optuna(value) for path, value in point.items()}
        self.optuna.enqueue_trial(encoded, user_attrs=dict(attributes))

    # -- earlier proposals

    def recorded(self, frozen: FrozenTrial) -> Proposal:
        """Returns a finished trial as it was proposed."""
        attributes = frozen.user_attrs
        identity = attributes.get("id")
        values = self._from_optuna(frozen.params)
        if identity is not None and self.identity(values) != identity:
            # Steps of earlier versions were sums of floats: 0.30000000000000004 is kept as it was.
            values = dict(frozen.params)
        return Proposal(frozen.number, values, identity, True, attributes.get("stopped_at"))

    def reopened(self, frozen: FrozenTrial) -> Proposal:
        """Completes a RUNNING trial to the proposal that it would have been without the crash.

        Optuna has no public function for this, so Optuna's version is pinned and tests cover it.
        """
        self.optuna._thread_local.cached_all_trials = None
        self.optuna.sampler = self._sampler(frozen.number, "", self._in_vain(frozen.number) > 0)
        return self._complete(Trial(self.optuna, frozen._trial_id))

    def _from_optuna(self, values: Mapping[str, Any]) -> dict[str, Any]:
        space = self.arm.space
        return {
            path: from_optuna(space[path], value) if path in space else value
            for path, value in values.items()
        }

    # -- drawing

    def _complete(self, trial: Trial) -> Proposal:
        """Gives ``trial`` its parameters, one by one in the arm's order, and its id.

        Keeps those that it already has.
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
        if identity is not None and trial.user_attrs.get("id") != identity:
            trial.set_user_attr("id", identity)
        return Proposal(number, values, identity, False, trial.user_attrs.get("stopped_at"))

    def _sampler(self, number: int, path: str, is_fresh: bool) -> optuna.samplers.BaseSampler:
        spec = self.plan.spec
        draw = Draw(self.repeat, number, path, len(spec.objectives), tuple(spec.parameters))
        return make_sampler(self.search, draw, fresh=is_fresh)

    def _in_vain(self, number: int) -> int:
        """Returns how many proposals in a row before ``number`` gave no new trial."""
        count = 0
        for trial in reversed(self.optuna.get_trials(deepcopy=False)[:number]):
            if not trial.user_attrs.get("surplus"):
                break
            count += 1
        return count

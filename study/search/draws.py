"""What one search tries next: points of the file first, then what Optuna's sampler draws.

Every proposal is a function of (search seed, repeat, trial number, outcomes told so far): each
number has samplers of its own, so there is no random state to save.
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

IN_VAIN = 16  # so many proposals in a row that are no new trial, then the space is looked through


class Draws:
    """The proposals of one search, in Optuna's storage and out of it."""

    def __init__(self, study: optuna.Study, plan: Plan, arm: Arm, repeat: int) -> None:
        assert plan.spec.search is not None
        self.optuna, self.plan, self.arm, self.repeat = study, plan, arm, repeat
        self.search, self.seed = plan.spec.search, plan.search_seed(repeat)
        self.points = self._points()

    def _points(self) -> list[dict[str, Any]]:
        """What is tried first, in its one form."""
        if self.search.sampler == "grid":
            return self.arm.trials(self.seed, self.plan.proposals(self.arm))
        space = self.arm.space
        return [
            {path: space[path].nearest(value) for path, value in point.items() if path in space}
            for point in self.search.points
        ]

    def identity(self, values: Mapping[str, Any]) -> str | None:
        """The id of the search trial with these values; None if they do not go together."""
        return self.arm.identity(values, self.seed)

    # -- new ones

    def next(self, known: Collection[str]) -> Proposal | None:
        """The next proposal, RUNNING in the storage; it may be none of a new trial.

        None if the space has no trial whose id is not ``known``.
        """
        number = self._next_number(known)
        if number is None:
            return None
        self.optuna.sampler = self._sampler(number, "", self._in_vain(number) > 0)
        return self._complete(self.optuna.ask())

    def _next_number(self, known: Collection[str]) -> int | None:
        """The number that Optuna gives next, with a point enqueued for it if there is one.

        None if too many proposals were in vain and the space has no further trial.
        """
        trials = self.optuna.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.WAITING:
                return int(trial.number)
        number = len(trials)
        if not self._enqueue_point(trials) and self._in_vain(number) > IN_VAIN:
            return number if self._enqueue_unseen(known) else None
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

    def _enqueue_unseen(self, known: Collection[str]) -> bool:
        """Looks through a finite space for a trial that is not there yet, and puts it in front."""
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

    # -- earlier ones

    def recorded(self, frozen: FrozenTrial) -> Proposal:
        """A finished trial as it was proposed."""
        attributes = frozen.user_attrs
        identity = attributes.get("id")
        values = self._from_optuna(frozen.params)
        if identity is not None and self.identity(values) != identity:
            # Steps of earlier versions were sums of floats: 0.30000000000000004 is kept as it was.
            values = dict(frozen.params)
        return Proposal(frozen.number, values, identity, True, attributes.get("stopped_at"))

    def reopened(self, frozen: FrozenTrial) -> Proposal:
        """A RUNNING trial, completed to what it would have been.

        Optuna has no public way; covered by tests, and Optuna is pinned.
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

"""The search of one arm: an Optuna study, with our rules for its trials.

Only the driver opens the storage. A kill at any moment leaves at most one RUNNING trial with some
of its parameters, which `ArmSearch.load` completes as if nothing had happened.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from study.plan import Arm, Plan, search_name
from study.search import warm_start
from study.search.draws import Draws
from study.search.ends import Ends
from study.search.proposal import Proposal
from study.search.seeds import SeedEnds
from study.search.storage import name_search
from study.spec.distributions import distribution, to_optuna
from study.store import Outcome, State


class ArmSearch:
    """One search of an arm: its trials so far, its next proposals, and their results."""

    def __init__(
        self, storage: optuna.storages.RDBStorage, plan: Plan, arm: Arm, repeat: int = 0
    ) -> None:
        assert plan.spec.search is not None
        self.plan, self.arm, self.search = plan, arm, plan.spec.search
        self.seeds = [plan.search_seed(repeat, index) for index in range(self.search.seeds)]
        self.budget = plan.proposals(arm)
        modes = plan.spec.objectives.values()
        name = search_name(plan, arm, repeat)
        assert name is not None
        name_search(storage, name, plan.search_mark(arm, repeat), plan.search_names)
        with warnings.catch_warnings(action="ignore"):
            self.optuna = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=["maximize" if mode == "max" else "minimize" for mode in modes],
                load_if_exists=True,
            )
        self.storage = self.optuna._storage
        self.draws = Draws(self.optuna, plan, arm, repeat)
        self.ends = Ends(self.optuna, plan, arm)
        self.optuna.pruner = self.ends.pruner or optuna.pruners.NopPruner()
        self.of_seeds = SeedEnds(self.ends) if len(self.seeds) > 1 else None
        self.warm_up()
        self.ids: set[str] = set()  # the trials that count against the budget
        self.retired = 0  # trials of this search that the study file no longer asks for

    @property
    def count(self) -> int:
        """How many trials count against the budget: each configuration once."""
        return len(self.ids)

    # -- earlier trials

    def load(self) -> list[Proposal]:
        """Returns the trials so far that the study file still asks for, by number.

        Completes half-proposed ones.
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
            read = self.draws.reopened if is_running else self.draws.recorded
            proposal = read(frozen)
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
        """Returns whether the space holds the trial, and still gives the config that it trained."""
        if not self.arm.holds(proposal.parameters):
            return False
        recorded = frozen.user_attrs.get("id")
        return recorded is None or recorded == self.identity(proposal.parameters)

    def _is_new(self, proposal: Proposal) -> bool:
        """Returns whether the values can be combined, and give a trial new to this search."""
        return proposal.id is not None and proposal.id not in self.ids

    def adopt(self, parameters: dict[str, Any], end: Outcome, values: Mapping[int, float]) -> None:
        """Enters a finished trial that is known only from its folder.

        This happens if the database was lost, or if the search has changed so far that it has
        another name.
        """
        if self.of_seeds is not None:
            self._reopen(parameters, end.id)
            return
        outcome, measured = self.ends.truth(end.state, end.metrics)
        attributes: dict[str, Any] = {"id": end.id, "state": end.state, "reason": end.reason or ""}
        if end.state == State.PRUNED:
            attributes["stopped_at"] = end.epochs
        violations = self.search.violations(end.metrics)
        trial = optuna.create_trial(
            state=outcome,
            values=measured,
            params={path: to_optuna(value) for path, value in parameters.items()},
            distributions={path: distribution(self.arm.space[path]) for path in parameters},
            intermediate_values=dict(values) if self.ends.pruner else {},
            user_attrs=attributes,
            **({"constraints": violations} if violations else {}),  # which Optuna 4 has not
        )
        self.optuna.add_trial(trial)

    def _reopen(self, parameters: dict[str, Any], identity: str) -> None:
        """Enters a configuration as RUNNING, to be told its seeds one by one as after a crash."""
        trial = optuna.create_trial(
            state=TrialState.RUNNING,
            params={path: to_optuna(value) for path, value in parameters.items()},
            distributions={path: distribution(self.arm.space[path]) for path in parameters},
            user_attrs={"id": identity},
        )
        self.optuna.add_trial(trial)

    def warm_up(self) -> None:
        """Enters another study's trials, once, before this search's own.

        Uses the trials of the arm of the same name whose values lie in this arm's space.
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
        """How many trials of another study this search has learned from."""
        return int(self.optuna.user_attrs.get("warmed_up", 0))

    @property
    def adopted(self) -> bool:
        return bool(self.optuna.user_attrs.get("adopted"))

    def set_adopted(self) -> None:
        self.optuna.set_user_attr("adopted", True)

    # -- what next

    def ask(self) -> Proposal | None:
        """Returns the next trial, recorded as RUNNING with its parameters and its id.

        A proposal that gives no new trial does not count; another draw replaces it. Returns None
        when the budget is used up. If the space holds no further trial, lowers the budget to the
        trials so far and returns None.
        """
        while self.count < self.budget:
            proposal = self.draws.next(self.ids)
            if proposal is None:
                self.budget = self.count
                return None
            if self._is_new(proposal):
                assert proposal.id is not None
                self.ids.add(proposal.id)
                return proposal
            self._discard(proposal)
        return None

    def _discard(self, proposal: Proposal) -> None:
        """Closes a proposal that gives no new trial; it does not count."""
        reason = "proposed before" if proposal.id else "these values cannot be combined"
        handle = self.ends.trial(proposal.number)._trial_id
        self.storage.set_trial_user_attr(handle, "surplus", True)
        self.tell(proposal.number, "surplus", {}, reason)

    def identity(self, values: Mapping[str, Any]) -> str | None:
        """Returns the id of the search trial with these values; None if they cannot be combined."""
        return self.draws.identity(values)

    # -- results

    def should_stop(self, number: int, epoch: int, value: float) -> bool:
        """Records an epoch's value and asks the pruner."""
        return self.ends.should_stop(number, epoch, value)

    def tell(
        self,
        number: int,
        state: str,
        metrics: Mapping[str, float],
        reason: str | None,
        seed_index: int = 0,
    ) -> None:
        """Records how a trial ended; with ``search.seeds``, how one of its seeds did."""
        if self.of_seeds is None or state in ("retired", "surplus"):
            self.ends.tell(number, state, metrics, reason)
        else:
            self.of_seeds.tell(number, seed_index, state, metrics, reason)

    def goes_on(self, number: int, index: int, state: str, metrics: Mapping[str, float]) -> bool:
        """Returns whether to train the configuration's next seed after this one has ended."""
        return self.of_seeds is not None and self.of_seeds.goes_on(number, index, state, metrics)

    def why_stopped(self, number: int, index: int) -> str | None:
        """Returns why the next seeds are not trained; None unless the pruner decided so."""
        if self.of_seeds is None or not self.of_seeds.stopped(number, index):
            return None
        return self.of_seeds.reason(index)

"""``search.seeds``: judges a configuration by its mean over several training seeds.

The seeds are trained one after another. Optuna's trial holds the value of each as an intermediate
value, which the Wilcoxon pruner compares, and their mean as its final value. A configuration ends
at the first seed that fails, or after which the pruner stops it.
"""

from __future__ import annotations

from collections.abc import Mapping

from optuna.trial import TrialState

from study.search.ends import Ends
from study.store import State
from study.store.proposals import means

STOPPED = "stopped_after"  # the step after which the pruner stopped a configuration


class SeedEnds:
    """The ends of configurations that are trained from several seeds."""

    def __init__(self, ends: Ends) -> None:
        self.ends, self.seeds = ends, ends.search.seeds
        self._measured: dict[int, dict[int, Mapping[str, float]]] = {}

    def tell(
        self, number: int, index: int, state: str, metrics: Mapping[str, float], reason: str | None
    ) -> None:
        """Records how the seed with this index ended; after the last one, ends the configuration.

        After a crash the seeds are told again in order, and earlier decisions stay.
        """
        outcome, values = self.ends.truth(state, metrics)
        if outcome != TrialState.COMPLETE or values is None:
            self.ends.tell(number, state, {}, f"seed {index + 1} of {self.seeds}: {reason}")
            return
        objectives = dict(zip(self.ends.plan.spec.objectives, values, strict=True))
        measured = self._measured.setdefault(number, {})
        measured[index] = {**metrics, **objectives}
        trial, is_last = self.ends.trial(number), index + 1 == self.seeds
        if trial.state.is_finished():
            return
        if trial.user_attrs.get(STOPPED) is None:
            self.ends.decide(trial, index, values[0], STOPPED, is_last=is_last)
        if is_last:
            self.ends.tell(number, State.COMPLETED, means(list(measured.values())), None)
        elif self.stopped(number, index):
            self.ends.tell(number, State.PRUNED, {}, self.reason(index))

    def goes_on(self, number: int, index: int, state: str, metrics: Mapping[str, float]) -> bool:
        """Returns whether to train the configuration's next seed after this one has ended."""
        is_well = self.ends.truth(state, metrics)[0] == TrialState.COMPLETE
        return is_well and index + 1 < self.seeds and not self.stopped(number, index)

    def stopped(self, number: int, index: int) -> bool:
        """Returns whether the pruner stopped the configuration after this seed."""
        after = self.ends.trial(number).user_attrs.get(STOPPED)
        return after is not None and index >= after

    def reason(self, index: int) -> str:
        return f"the configuration was stopped after {index + 1} of {self.seeds} seeds"

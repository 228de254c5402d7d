"""``until: decided``: undecided arms get more seeds, or repeats, at planned looks.

A study that tests after every step, and stops once it likes the result, finds differences by
chance. So the looks are planned: after ``seeds`` (or ``repeats``), twice, three times as many, and
after ``most``. Looks and comparisons share alpha equally (Bonferroni). A comparison is decided at
the first look at which its interval excludes zero or lies within the margin. The chance of one
false verdict in the whole study then stays below alpha, whenever the arms stop. Reports judge by
the same rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from eisnn.metrics import Metric
from study.plan import Plan, Wanted
from study.plan.family import comparisons, looks_of
from study.store.records import Key, Kind, State
from study.store.tables import Row, judged_in

Rows = Mapping[Key, Row]


def is_decided(
    differences: Sequence[float], level: float, resolution: float, margin: float | None
) -> bool:
    """Returns whether a paired t interval at ``level`` excludes zero, or lies within the margin.

    ``resolution`` is the least difference that the test set can show. The spread is taken to be at
    least that large, for differences that are all equal.
    """
    from scipy import stats  # takes over half a second, which only studies with `until` need

    n = len(differences)
    if n < 2:
        return False
    spread = max(float(np.std(differences, ddof=1)), resolution)
    mean = abs(float(np.mean(differences)))
    half = float(stats.t.isf(level / 2, n - 1)) * spread / math.sqrt(n)
    return mean > half or (margin is not None and mean + half < margin)


class Deciding:
    """Says how many seeds or repeats each arm should have, given the results so far."""

    def __init__(self, plan: Plan, classes: int | None, test_images: int | None) -> None:
        self.plan = plan
        report = plan.spec.report
        self.looks = looks_of(plan)
        self.pairs = comparisons(plan)
        corrected = len(self.pairs) if report.correction != "none" else 1
        shares = max(1, corrected) * max(1, len(self.looks))
        self.level, self.margin = (1 - report.confidence) / shares, report.margin
        self.chance: float | None = None
        if classes and report.failures == "chance":
            self.chance = 1 / classes
        self.resolution = 1 / test_images if test_images else 1e-3

    def wanted(self, rows: Rows, without: frozenset[str] = frozenset()) -> Wanted:
        """Returns how many repeats and seeds each arm should have by now.

        ``without`` names arms that cannot have replicates.
        """
        planned = Wanted.planned(self.plan)
        by_repeats = self.plan.grows_by_repeats
        grown = dict(planned.repeats if by_repeats else planned.seeds)
        for pair in self.open(rows, without):
            for arm in pair:
                grown[arm] = max(grown[arm], self._reached(rows, pair))
        if by_repeats:
            return replace(planned, repeats=grown)
        return replace(planned, seeds=grown)

    def open(self, rows: Rows, without: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
        """Returns the comparisons that are undecided so far and that a later look may decide."""
        if len(self.looks) < 2:
            return []
        measure = judged_in(rows.values())
        return [
            pair
            for pair in self.pairs
            if not without & set(pair) and not self._decided(rows, pair, measure)
        ]

    def _decided(self, rows: Rows, pair: tuple[str, str], measure: Metric) -> bool:
        for look in self.looks:
            if not self._is_complete(rows, pair, look):
                return False
            if self._decides(rows, pair, look, measure):
                return True
        return False

    def _reached(self, rows: Rows, pair: tuple[str, str]) -> int:
        """Returns the first look that lacks some of its replicates; the last one if none does."""
        for look in self.looks:
            if not self._is_complete(rows, pair, look):
                return look
        return self.looks[-1]

    def _size(self, look: int) -> tuple[int, int]:
        """Returns how many repeats, and how many seeds of each, a look includes."""
        if self.plan.grows_by_repeats:
            return look, len(self.plan.seeds)
        return self.plan.repeats, look

    def _is_complete(self, rows: Rows, pair: tuple[str, str], look: int) -> bool:
        repeats, seeds = self._size(look)
        for arm in pair:
            for repeat in range(repeats):
                for number in range(seeds):
                    row = rows.get(Key(arm, Kind.REPLICATE, repeat, number))
                    if row is None or not State(row["state"]).is_final:
                        return False
        return True

    def _decides(self, rows: Rows, pair: tuple[str, str], look: int, measure: Metric) -> bool:
        repeats, seeds = self._size(look)
        differences = []
        for repeat in range(repeats):
            of_repeat = []
            for number in range(seeds):
                one, other = (
                    self._value(rows[Key(arm, Kind.REPLICATE, repeat, number)], measure)
                    for arm in pair
                )
                if one is not None and other is not None:
                    of_repeat.append(one - other)
            if self.plan.repeats == 1:
                differences = of_repeat
            elif of_repeat:  # a repeat counts as one difference, the mean over its seeds
                differences.append(float(np.mean(of_repeat)))
        resolution = self.resolution if measure.is_share else 0.0
        return is_decided(differences, self.level, resolution, self.margin)

    def _value(self, row: Row, measure: Metric) -> float | None:
        if State(row["state"]).is_chance:
            return self.chance
        value = row.get(measure.name) if row["state"] == State.COMPLETED else None
        return None if value is None else float(value)

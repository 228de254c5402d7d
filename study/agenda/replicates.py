"""The replicates that a study is to have by now, and which of them nobody has begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from study.agenda.choices import Choices
from study.agenda.deciding import Deciding
from study.agenda.job import Job
from study.plan import Plan, Wanted
from study.plan.record import of_data
from study.search.proposal import Slot
from study.store.records import Key, Kind
from study.store.tables import Tables


class Replicates:
    """Replicates in the order of work: one of every arm and repeat, then more of each."""

    def __init__(
        self, plan: Plan, choices: Choices, tables: Tables, held: Callable[[Wanted], Wanted]
    ) -> None:
        """``held``: what of the wanted the budget holds."""
        self.plan, self.choices, self.tables, self.held = plan, choices, tables, held
        self._deciding = Deciding(plan, **of_data(plan))
        self._given: set[Key] = set()  # handed out or ended
        self._wanted: Wanted | None = None  # until something changes

    def wanted(self) -> Wanted:
        """What each arm is to have by now; more than planned where a verdict is open."""
        if self._wanted is None:
            self._wanted = self.held(self.asked())
        return self._wanted

    def asked(self) -> Wanted:
        """What the plan and open verdicts ask for, whatever it costs."""
        return self._deciding.wanted(self.tables.rows, self._without())

    def slots(self) -> Iterator[Slot]:
        """Every arm in every repeat that it is to have: first all arms of the first repeat."""
        repeats = self.wanted().repeats
        for repeat in range(max(repeats.values())):
            for arm in self.plan.arms:
                if repeat < repeats[arm.name]:
                    yield arm.name, repeat

    def listed(self) -> Iterator[Key]:
        """The replicates of all that have their configuration."""
        seeds = self.wanted().seeds
        for number in range(max(seeds.values())):
            for arm, repeat in self.slots():
                if number < seeds[arm] and self.choices.made.get((arm, repeat)) is not None:
                    yield Key(arm, Kind.REPLICATE, repeat, number)

    def next(self) -> Key | None:
        """The first one that nobody has begun."""
        for key in self.listed():
            if key not in self._given:
                return key
        return None

    def job(self, key: Key) -> Job:
        return self.choices.replicate((key.arm, key.repeat), key.number)

    def give(self, key: Key) -> None:
        """Takes note that a replicate is handed out, or has ended."""
        self._given.add(key)

    def look_again(self) -> None:
        """A trial has ended, or an arm has its configuration: verdicts may have changed."""
        self._wanted = None

    def undecided(self) -> list[tuple[str, str]]:
        """The comparisons that ``until: decided`` leaves open."""
        return self._deciding.open(self.tables.rows, self._without())

    def _without(self) -> frozenset[str]:
        """Arms without a configuration to replicate."""
        return frozenset(arm for (arm, _), found in self.choices.made.items() if found is None)

"""The replicates that a study should have by now, and the next one to begin."""

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
        """``held`` returns the part of what is wanted that the budget can hold."""
        self.plan, self.choices, self.tables, self.held = plan, choices, tables, held
        self._deciding = Deciding(plan, **of_data(plan))
        self._given: set[Key] = set()  # handed out or ended
        self._wanted: Wanted | None = None  # kept until something changes

    def wanted(self) -> Wanted:
        """Returns how much each arm should have by now: more than planned if a verdict is open."""
        if self._wanted is None:
            self._wanted = self.held(self.asked())
        return self._wanted

    def asked(self) -> Wanted:
        """Returns how much the plan and open verdicts ask for, without regard to the budget."""
        return self._deciding.wanted(self.tables.rows, self._without())

    def slots(self) -> Iterator[Slot]:
        """Yields every arm in each of its repeats, all arms of the first repeat first."""
        repeats = self.wanted().repeats
        for repeat in range(max(repeats.values())):
            for arm in self.plan.arms:
                if repeat < repeats[arm.name]:
                    yield arm.name, repeat

    def listed(self) -> Iterator[Key]:
        """Yields the replicates of every slot whose configuration is chosen."""
        seeds = self.wanted().seeds
        for number in range(max(seeds.values())):
            for arm, repeat in self.slots():
                if number < seeds[arm] and self.choices.made.get((arm, repeat)) is not None:
                    yield Key(arm, Kind.REPLICATE, repeat, number)

    def next(self) -> Key | None:
        """Returns the first replicate that has not begun; None if all have."""
        for key in self.listed():
            if key not in self._given:
                return key
        return None

    def job(self, key: Key) -> Job:
        return self.choices.replicate((key.arm, key.repeat), key.number)

    def give(self, key: Key) -> None:
        """Marks a replicate as handed out or ended."""
        self._given.add(key)

    def look_again(self) -> None:
        """Forgets what is wanted, since a new outcome or configuration may change verdicts."""
        self._wanted = None

    def undecided(self) -> list[tuple[str, str]]:
        """Returns the comparisons that ``until: decided`` leaves open."""
        return self._deciding.open(self.tables.rows, self._without())

    def _without(self) -> frozenset[str]:
        """Returns the arms that have no configuration to replicate."""
        return frozenset(arm for (arm, _), found in self.choices.made.items() if found is None)

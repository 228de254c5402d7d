"""Energy that the machine measures itself: RAPL counters of Intel and AMD processors under Linux.

The counters cover whole processor packages, so that everything else that runs on the machine counts
as well; memory and graphics cards are not in them. Many systems let only root read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Counter:
    """One package's counter of microjoules, which starts again from 0 above ``range_uj``."""

    file: Path
    range_uj: int

    def read(self) -> int:
        return int(self.file.read_text())


def counters(folder: Path = POWERCAP) -> list[Counter]:
    """The counters that can be read; none on other systems, in most containers, or without
    rights."""
    found = []
    for place in sorted(folder.glob("*-rapl:*")):
        if place.name.count(":") > 1:  # a part of a package, such as its cores
            continue
        try:
            limit = int((place / "max_energy_range_uj").read_text())
            counter = Counter(place / "energy_uj", limit)
            counter.read()
        except (OSError, ValueError):
            continue
        found.append(counter)
    return found


class EnergyMeter:
    """Measures what the processor packages take while it is open; ``joules`` is None where unknown.

    A counter that overflows more than once while the meter is open (after some hours at full load)
    gives too little: call `update` more often than that.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self.counters = counters(folder)
        self._joules = 0.0
        self._last: list[int] = []

    def __enter__(self) -> EnergyMeter:
        self._last = [counter.read() for counter in self.counters]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.update()

    def update(self) -> None:
        """Adds what was taken since the last call."""
        now = [counter.read() for counter in self.counters]
        for counter, before, after in zip(self.counters, self._last, now, strict=True):
            taken = after - before
            if taken < 0:
                taken += counter.range_uj
            self._joules += taken * 1e-6
        self._last = now

    @property
    def joules(self) -> float | None:
        return self._joules if self.counters else None

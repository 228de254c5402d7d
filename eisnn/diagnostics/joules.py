"""Energy that the machine itself measures: processors' counters (RAPL), graphics cards' (NVML).

RAPL counters of Intel and AMD processors under Linux cover whole processor packages, including
everything else that runs on them, but not memory. On many systems only root can read them.

Where several processes share a package, each is charged by its part of the processor time:

    own joules = joules of all packages * own processor seconds / busy processor seconds of all

so that the shares of everything that runs add up to what was measured, idle power included.

Cards are read by zeus (pip install 'eisnn-study[joules]'). Where trials share one, each is charged
the card's joules times the part of the card that it was given. Never run on a card.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

POWERCAP = Path("/sys/class/powercap")
STAT = Path("/proc/stat")
WINDOW = "trial"  # the name of what zeus measures
IDLE = (3, 4)  # the columns of /proc/stat that count waiting: idle, iowait


@dataclass(frozen=True)
class Counter:
    """One package's counter of microjoules, which starts again from 0 above ``range_uj``."""

    file: Path
    range_uj: int

    def read(self) -> int:
        return int(self.file.read_text())


def counters(folder: Path = POWERCAP) -> list[Counter]:
    """Returns the counters that can be read; none on other systems, in most containers, or without
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
    """Measures the processor packages' energy while it is open; ``joules`` is None if unknown.

    A counter that overflows twice between two updates (after some hours at full load) gives too
    little, so call `update` more often than that.
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
        """Adds the energy used since the last call."""
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


def busy_seconds(stat: Path = STAT) -> float:
    """Returns the seconds that the machine's processors together have worked since it started.

    Guests' time is within that of users (columns 8 and 9), and is left out.
    """
    ticks = [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:9]]
    busy = sum(count for column, count in enumerate(ticks) if column not in IDLE)
    return busy / os.sysconf("SC_CLK_TCK")


class CardMeter:
    """The energy of the visible graphics cards, read by zeus; unknown without zeus or a card."""

    def __init__(self) -> None:
        self.monitor: Any = None
        try:
            from zeus.monitor import ZeusMonitor

            monitor = ZeusMonitor(cpu_indices=[])
            if monitor.gpu_indices:
                monitor.begin_window(WINDOW, sync_execution=False)
                self.monitor = monitor
        except Exception:  # whatever zeus raises about a driver, the trial continues without
            return

    def taken(self) -> float | None:
        """Returns the joules since the last call, or the start; None if nothing is measured."""
        if self.monitor is None:
            return None
        try:
            measured = self.monitor.end_window(WINDOW, sync_execution=False)
            self.monitor.begin_window(WINDOW, sync_execution=False)
        except Exception:
            self.monitor = None
            return None
        return float(sum(measured.gpu_energy.values()))


class OwnEnergy:
    """The share of the machine's energy that this process used.

    ``gpu``: the part of a graphics card that it was given.
    """

    def __init__(self, folder: Path = POWERCAP, stat: Path = STAT, *, gpu: float = 0.0) -> None:
        self.meter, self.stat = EnergyMeter(folder), stat
        self.meter.__enter__()
        self._last = self._now()
        self.gpu = gpu
        self.card = CardMeter() if gpu else None

    def taken(self) -> float | None:
        """Returns the joules since the last call, or the start; None if nothing is measured."""
        taken = self._of_processors()
        on_card = None if self.card is None else self.card.taken()
        if on_card is None:
            return taken
        return (taken or 0.0) + on_card * self.gpu

    def _of_processors(self) -> float | None:
        if self.meter.joules is None:
            return None
        try:
            self.meter.update()
            now = self._now()
        except (OSError, ValueError):  # rights can be taken away; the trial continues without
            return None
        all_joules, own, busy = (b - a for a, b in zip(self._last, now, strict=True))
        if busy <= 0:  # less than one tick of the system's clock: the next call is charged for it
            return 0.0
        self._last = now
        return all_joules * min(1.0, own / busy)

    def _now(self) -> tuple[float, float, float]:
        if self.meter.joules is None:
            return (0.0, 0.0, 0.0)
        return (self.meter.joules, time.process_time(), busy_seconds(self.stat))

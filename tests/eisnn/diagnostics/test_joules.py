"""The energy counters of the machine, from files as Linux lays them out."""

import os
import sys
import time
import types
from typing import Any

import pytest

from eisnn.diagnostics import joules
from eisnn.diagnostics.joules import EnergyMeter, OwnEnergy, busy_seconds, counters


@pytest.fixture
def powercap(tmp_path):
    def package(name, energy, limit=1_000_000):
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        (place / "energy_uj").write_text(f"{energy}\n")
        (place / "max_energy_range_uj").write_text(f"{limit}\n")

    package("intel-rapl:0", 100)
    package("intel-rapl:1", 999_000)
    package("intel-rapl:0:0", 50)  # the cores of package 0, which hold no energy of their own
    package.folder = tmp_path  # type: ignore[attr-defined]
    return package


def test_packages_add_up_and_counters_start_again_from_zero(powercap):
    with EnergyMeter(powercap.folder) as meter:
        powercap("intel-rapl:0", 500_100)  # + 0.5 J
        meter.update()
        powercap("intel-rapl:1", 1_000)  # 999,000 to the limit of 1,000,000, then 1,000: 0.002 J
        powercap("intel-rapl:0:0", 900_000)
    assert meter.joules == pytest.approx(0.502)


def test_where_nothing_can_be_read_the_energy_is_unknown(powercap, tmp_path):
    assert len(counters(powercap.folder)) == 2
    with EnergyMeter(tmp_path / "no such folder") as meter:
        pass
    assert meter.joules is None
    (powercap.folder / "intel-rapl:1" / "energy_uj").write_text("")
    assert len(counters(powercap.folder)) == 1


def test_a_process_is_charged_by_its_part_of_the_processor_time(powercap, tmp_path, monkeypatch):
    """10 J while the processors worked 8 s, 2 of them for this process: 2.5 J."""
    ticks = os.sysconf("SC_CLK_TCK")

    def processors(user, idle, guest=0):
        busy = f"cpu  {user * ticks} 0 0 {idle * ticks} 0 0 0 0 {guest * ticks} 0\n"
        (tmp_path / "stat").write_text(busy + "cpu0 1 2 3\n")

    clock = iter((5.0, 7.0))
    monkeypatch.setattr(joules.time, "process_time", lambda: next(clock))
    powercap("intel-rapl:0", 100, limit=100_000_000)
    processors(user=50, idle=9)
    own = OwnEnergy(powercap.folder, tmp_path / "stat")
    powercap("intel-rapl:0", 10_000_100, limit=100_000_000)
    processors(user=58, idle=400, guest=7)  # guests' time is in the user's already
    assert own.taken() == pytest.approx(2.5)


def test_energy_taken_within_a_tick_is_charged_at_the_next_one(powercap, tmp_path, monkeypatch):
    seconds = iter([5.0, 5.004, 5.5])
    monkeypatch.setattr("time.process_time", lambda: next(seconds))
    stat = tmp_path / "stat"
    stat.write_text("cpu 100 0 0 0 0 0 0 0\n")
    own = OwnEnergy(powercap.folder, stat)
    powercap("intel-rapl:0", 1_000_100, limit=100_000_000)
    assert own.taken() == 0
    stat.write_text("cpu 200 0 0 0 0 0 0 0\n")  # 1 s of work, of which 0.5 s was ours
    assert own.taken() == pytest.approx(0.5)


def test_a_trial_goes_on_where_the_counter_goes_away(powercap, tmp_path):
    own = OwnEnergy(powercap.folder)
    (powercap.folder / "intel-rapl:0" / "energy_uj").unlink()
    assert own.taken() is None
    assert OwnEnergy(tmp_path / "none").taken() is None


class Zeus:
    """Two cards, 30 and 10 J a window, behind the interface of zeus.monitor.ZeusMonitor."""

    def __init__(self, gpu_indices=None, cpu_indices=None):
        assert cpu_indices == []  # the packages' energy is measured by ourselves
        self.gpu_indices, self.open, self.broken = [0, 1], False, False

    def begin_window(self, key, sync_execution=True):
        assert not self.open
        self.open = True

    def end_window(self, key, sync_execution=True):
        if self.broken:
            raise RuntimeError("the driver went away")
        assert self.open
        self.open = False
        return types.SimpleNamespace(gpu_energy={0: 30.0, 1: 10.0})


@pytest.fixture
def zeus(monkeypatch):
    monkeypatch.setitem(sys.modules, "zeus", types.ModuleType("zeus"))
    monitor: Any = types.ModuleType("zeus.monitor")
    monitor.ZeusMonitor = Zeus
    monkeypatch.setitem(sys.modules, "zeus.monitor", monitor)
    return monitor


def test_a_trial_is_charged_its_part_of_the_cards(zeus, tmp_path):
    own = OwnEnergy(tmp_path / "none", gpu=0.25)
    assert own.taken() == pytest.approx(10.0)
    assert own.taken() == pytest.approx(10.0)
    own.card.monitor.broken = True
    assert own.taken() is None
    assert OwnEnergy(tmp_path / "none").card is None  # trials without a card load no zeus


def test_cards_and_processors_add_up(zeus, powercap, tmp_path, monkeypatch):
    """All 10 J of the processors while this process alone worked, and half of the cards' 40 J."""
    ticks = os.sysconf("SC_CLK_TCK")
    clock = iter((0.0, 8.0))
    monkeypatch.setattr(joules.time, "process_time", lambda: next(clock))
    powercap("intel-rapl:0", 100, limit=100_000_000)
    (tmp_path / "stat").write_text("cpu  0 0 0 0 0 0 0 0 0 0\n")
    own = OwnEnergy(powercap.folder, tmp_path / "stat", gpu=0.5)
    powercap("intel-rapl:0", 10_000_100, limit=100_000_000)
    (tmp_path / "stat").write_text(f"cpu  {8 * ticks} 0 0 0 0 0 0 0 0 0\n")
    assert own.taken() == pytest.approx(30.0)


def test_without_a_card_nothing_is_measured(zeus, tmp_path):
    zeus.ZeusMonitor = lambda cpu_indices: types.SimpleNamespace(gpu_indices=[])
    assert OwnEnergy(tmp_path / "none", gpu=1.0).taken() is None
    del zeus.ZeusMonitor
    assert OwnEnergy(tmp_path / "none", gpu=1.0).taken() is None


def test_the_busy_seconds_of_this_machine_grow_with_work():
    before = busy_seconds()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert busy_seconds() >= before + 0.05

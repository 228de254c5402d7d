"""The energy counters of the machine, from files as Linux lays them out."""

import pytest

from eisnn.diagnostics.joules import EnergyMeter, counters


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
    package.folder = tmp_path
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

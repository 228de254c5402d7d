"""One trial in a worker: what it records besides what training reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from eisnn.config.trial import make_config, resolved
from eisnn.diagnostics.joules import OwnEnergy
from eisnn.training import footprint
from eisnn.training.busyness import Busyness
from eisnn.training.footprint import Reading
from study import store
from study.execution.fractions import Footprint
from study.store.records import Order
from study.worker import trial
from tests.study.orders import order_of


def test_measured_energy_is_kept_for_each_epoch_and_summed(tmp_path, monkeypatch):
    """Each epoch the package takes 1 J more; the trial is charged by its part of the time."""
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    (package / "max_energy_range_uj").write_text("1000000000")
    (package / "energy_uj").write_text("0")
    stat = tmp_path / "stat"
    stat.write_text("cpu 0 0 0 0 0 0 0 0")
    monkeypatch.setattr(trial, "OwnEnergy", lambda gpu: OwnEnergy(tmp_path, stat))

    def one_joule_more(row):
        epochs = int(row["epoch"])
        (package / "energy_uj").write_text(str(epochs * 1_000_000))
        stat.write_text(f"cpu {epochs * 10_000} 0 0 0 0 0 0 0")  # the machine worked for 100 s

    order = order_of(tmp_path, seed=3)
    outcome = trial.run(order, one_joule_more)
    rows = store.read_history(Path(order.folder))
    joules = [row["joules"] for row in rows]
    assert joules[0] == 0  # the counter moved only after the first epoch
    assert all(0 < taken <= 1 for taken in joules[1:])
    assert outcome.metrics["joules"] == pytest.approx(sum(joules))
    assert store.last_metrics(rows[:2])["joules"] == pytest.approx(sum(joules[:2]))  # cut off


def test_without_counters_there_is_no_energy(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "OwnEnergy", lambda gpu: OwnEnergy(tmp_path / "none"))
    order = order_of(tmp_path, seed=3)
    outcome = trial.run(order, lambda row: None)
    assert "joules" not in outcome.metrics
    assert all("joules" not in row for row in store.read_history(Path(order.folder)))


@pytest.mark.parametrize(("mps", "busy"), [(True, 0.2), (False, 0.9)])
def test_a_probe_counts_idle_multiprocessors_where_mps_can_use_them(
    mps: bool, busy: float, tmp_path: Path, monkeypatch: Any
) -> None:
    reading = Reading(5000.0, 2400.0, 24_000.0, Busyness(time=0.9, filled=0.2))
    monkeypatch.setattr(footprint, "rehearse", lambda *_: reading)
    monkeypatch.setattr(trial.gpu, "foreign_mb", lambda: 2000.0)
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    if mps:
        monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    config = resolved(make_config({"model": {"arch": "MLP", "layers": 4}}))
    found = Footprint(**trial.probe(Order("probe", config)))
    assert found == Footprint(3000.0, 400.0, 24_000.0, busy=busy, foreign_mb=2000.0)


def test_memory_over_the_limit_is_an_out_of_memory(tmp_path: Path) -> None:
    """A real limit of a real process: `_take_share` in a child."""
    import subprocess

    code = (
        "import json, sys\nfrom study.store.records import Order\nfrom study.worker import"
        " trial\ntrial._take_share(Order('x', {}, memory_gb=1.0))\nimport torch\ntry:\n   "
        " torch.ones(2**29)\nexcept Exception as error:\n    print(trial.cause_of(error)[0],"
        " torch.get_num_threads())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split() == ["out_of_memory", "1"]

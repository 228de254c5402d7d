"""One trial in a worker: what it records besides what training reports."""

from pathlib import Path

import pytest

from eisnn.config.trial import make_config, resolved, trial_id
from eisnn.diagnostics.joules import OwnEnergy
from study import store
from study.worker import trial

CONFIG = {
    "seed": 3,
    "model": {"arch": "MLP", "layers": 2, "norm": "ei", "T": 2, "width": 0.05},
    "data": {"name": "digits", "train_size": 200, "test_size": 100, "validation_fraction": 0.2},
    "train": {"epochs": 3, "batch_size": 64, "learning_rate": 0.01},
}


def order(folder: Path) -> store.Order:
    config = make_config(CONFIG)
    return store.Order(trial_id(config), resolved(config), folder=str(folder / "trial"), test=True)


def test_measured_energy_is_kept_for_each_epoch_and_summed(tmp_path, monkeypatch):
    """Each epoch the package takes 1 J more; the trial is charged by its part of the time."""
    package = tmp_path / "intel-rapl:0"
    package.mkdir()
    (package / "max_energy_range_uj").write_text("1000000000")
    (package / "energy_uj").write_text("0")
    stat = tmp_path / "stat"
    stat.write_text("cpu 0 0 0 0 0 0 0 0")
    monkeypatch.setattr(trial, "OwnEnergy", lambda: OwnEnergy(tmp_path, stat))

    def one_joule_more(row):
        epochs = int(row["epoch"])
        (package / "energy_uj").write_text(str(epochs * 1_000_000))
        stat.write_text(f"cpu {epochs * 10_000} 0 0 0 0 0 0 0")  # the machine worked for 100 s

    outcome = trial.run(order(tmp_path), one_joule_more)
    rows = store.read_history(tmp_path / "trial")
    joules = [row["joules"] for row in rows]
    assert joules[0] == 0  # the counter moved only after the first epoch
    assert all(0 < taken <= 1 for taken in joules[1:])
    assert outcome.metrics["joules"] == pytest.approx(sum(joules))
    assert store.last_metrics(rows[:2])["joules"] == pytest.approx(sum(joules[:2]))  # cut off


def test_without_counters_there_is_no_energy(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "OwnEnergy", lambda: OwnEnergy(tmp_path / "none"))
    outcome = trial.run(order(tmp_path), lambda row: None)
    assert "joules" not in outcome.metrics
    assert all("joules" not in row for row in store.read_history(tmp_path / "trial"))

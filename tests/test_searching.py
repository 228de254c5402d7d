"""docs/searching.md: its study over several seeds with real Ray, and what Optuna then holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from study import store

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "searching.md"


def run(folder: Path) -> str:
    command = [sys.executable, ROOT / "run_study.py", "--space", folder / "my_seeds.yaml"]
    ran = subprocess.run(
        [*map(str, command), "--results", str(folder / "results")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_study_over_several_seeds(tmp_path: Path) -> None:
    """Its storage holds each seed's value and their mean, and a second run trains nothing."""
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (tmp_path / name).write_text(text)
    run(tmp_path)
    folder = tmp_path / "results" / "seeds"
    trials = store.trials_frame(folder)
    searched = trials[trials["kind"] == store.Kind.SEARCH]
    assert set(searched["state"]) == {"completed"}
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/optuna.db")
    [summary] = storage.get_all_studies()
    told = optuna.load_study(study_name=summary.study_name, storage=storage).trials
    assert len(told) == 6
    for trial in told:
        mine = searched[searched["number"] == trial.number]
        values = dict(zip(mine["seed_index"], mine["val/accuracy"], strict=True))
        assert trial.intermediate_values == values
        if trial.state.name == "COMPLETE":
            assert trial.value == pytest.approx(sum(values.values()) / 4)
        else:  # stopped by the pruner: its further seeds were never trained
            assert trial.user_attrs["stopped_after"] == len(values) - 1 < 3
    assert len([trial for trial in told if trial.state.name == "COMPLETE"]) >= 1
    assert f"+0 new  ={len(trials)} kept  -0 retired" in run(tmp_path)

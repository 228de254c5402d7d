"""A study with real Ray that repeats its searches until its verdict is decided."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from study import store
from tests import tiny

ROOT = Path(__file__).resolve().parents[3]
FIRST, MOST = 2, 3


def run(space: Path, results: Path) -> str:
    line = [sys.executable, "run_study.py", "--space", str(space), "--results", str(results)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def interval(units: pd.Series) -> tuple[float, float]:
    """Of a mean, for one comparison at two looks: 1 - 0.05 / 2 at each."""
    spread = max(units.std(ddof=1), 0.01)  # one of 100 images
    half = stats.t.isf(0.05 / 2 / 2, len(units) - 1) * spread / len(units) ** 0.5
    return units.mean() - half, units.mean() + half


@pytest.mark.slow
def test_searches_are_repeated_until_the_verdict_is_decided(tmp_path: Path) -> None:
    repeated = {"trials": 1, "repeats": FIRST, "most": MOST, "until": "decided"}
    study = {**tiny.STUDY, "search": repeated, "replicate": {"seeds": 2}}
    space = tiny.write(tmp_path, study)
    output = run(space, tmp_path / "results")
    folder = tmp_path / "results" / "cli"
    rows = store.trials_frame(folder)
    assert set(rows["state"]) == {"completed"}

    replicates = rows[rows["kind"] == store.Kind.REPLICATE]
    values = replicates.groupby(["arm", "repeat"])["test/accuracy"].mean().unstack("arm")
    units = values["bn"] - values["full"]
    low, high = interval(units.iloc[:FIRST])
    grown = FIRST if low > 0 or high < 0 else MOST
    low, high = interval(units)
    is_open = low <= 0 <= high

    assert len(units) == grown
    for _, arm in rows.groupby("arm"):
        for repeat in range(grown):
            kinds = arm.loc[arm["repeat"] == repeat, "kind"].value_counts().to_dict()
            assert kinds == {store.Kind.SEARCH: 1, store.Kind.REPLICATE: 2}
    assert rows["id"].is_unique  # every repeat draws for itself
    ending = store.read_json(folder / "ending.json")
    assert ending is not None
    assert ending["undecided"] == (["bn"] if is_open else [])
    assert ("not decided: bn" in output) == is_open
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "each arm was searched at least 2 times, and a repeat counts once" in page
    assert f"+0 new  ={len(rows)} kept  -0 retired" in run(space, tmp_path / "results")

"""Networks of snnTorch and spikingjelly, as docs/extending.md has them, in a study of their own:
with AdamW and a metric of the user's through search, repeats and report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from study import store
from tests.test_extending import ROOT, blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BASE: dict[str, Any] = {
    "model": {"factory": "my_snntorch:build", "norm": "none", "T": 4},
    "data": {"name": "digits", "train_size": 400, "test_size": 200, "validation_fraction": 0.2},
    "train": {"epochs": 3, "batch_size": 40, "optimizer": "adamw", "learning_rate": 0.01},
}
STUDY: dict[str, Any] = {
    "name": "cells",
    "base": "base.yaml",
    "parameters": {
        "train.learning_rate": {"type": "float", "low": 1e-2, "high": 1e-1, "log": True},
        "model.options.cells": {"type": "categorical", "choices": [32, 64]},
    },
    "search": {"trials": 2, "repeats": 2},
    "ablation": {"reference": "snntorch"},
    "baselines": {"spikingjelly": {"model.factory": "my_spikingjelly:build"}},
    "replicate": {"seeds": 2},
    "resources": {"cpu": 1, "gpu": 0},
    "metrics": {
        "overconfidence": {"function": "my_metrics:overconfidence", "better": "lower"},
    },
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("snntorch")
    pytest.importorskip("spikingjelly")
    folder = tmp_path_factory.mktemp("cells")
    for name, text in blocks().items():
        (folder / name).write_text(text)
    (folder / "base.yaml").write_text(yaml.safe_dump(BASE))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    space = ["--space", str(folder / "study.yaml"), "--results", str(folder / "results")]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "run_study.py"), *space],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "results" / "cells"


def test_they_learn_in_every_kind_of_trial(study: Path) -> None:
    trials = store.trials_frame(study)
    assert len(trials) == 2 * 2 * (2 + 2)  # arms, repeats, search trials and seeds
    assert set(trials["state"]) == {"completed"}
    replicates = trials[trials["kind"] == "replicate"]
    assert (replicates["test/accuracy"] > 0.3).all()  # chance is 0.1
    assert replicates["test/overconfidence"].between(-1, 1).all()
    assert trials["firing_rate"].between(0.001, 0.999).all()
    assert trials["energy_nj"].isna().all()  # of layers that are not ours it is not guessed


def test_the_report_has_both_and_the_metric(study: Path) -> None:
    main = pd.read_csv(study / "report" / "tables" / "main.csv")
    assert {"snntorch", "spikingjelly"} <= set(main.astype(str).to_numpy().ravel())
    assert "overconfidence" in (study / "report" / "index.html").read_text()

"""Whole studies of other kinds, trained for real and reported: targets that are numbers, and a
factor of three levels crossed with one of two and with a baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

import eisnn
from reports.page.page import write_report
from study import store
from tests import tiny

Tree = dict[str, Any]
Study = Callable[..., Any]

REGRESSION = '''
import numpy as np
from eisnn import Source

def load(root, T):
    """The mean and the spread of noise."""
    random = np.random.default_rng(0)
    spread = random.uniform(0.1, 1.0, (160, 1))
    samples = spread * random.random((160, 20))
    labels = np.stack([samples.mean(1), samples.std(1)], axis=1)
    return Source(samples.astype(np.float32), labels.astype(np.float32), test_fraction=0.25)
'''
DATA = {"name": "their_targets:load", "validation_fraction": 0.2}
TRAIN = {"epochs": 2, "batch_size": 32, "loss": "mse", "learning_rate": 0.03}


def reported(study: Any) -> Path:
    """The folder of a study that ended well, with its report."""
    code, folder = study.run()
    assert code == 0
    assert set(store.trials_frame(folder)["state"]) == {"completed"}
    write_report([folder])
    return Path(folder)


def test_a_regression_is_searched_and_compared_by_its_loss(
    without_ray: Study, study_tree: Tree, tmp_path: Path
) -> None:
    (tmp_path / "their_targets.py").write_text(REGRESSION)
    base = {"model": tiny.BASE["model"], "data": DATA, "train": TRAIN}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(base))
    study_tree |= {"base": "own.yaml", "metric": {"name": "val/loss", "mode": "min"}}
    study_tree["ablation"] = {}
    study = without_ray(study_tree)
    study.fit = eisnn.fit
    folder = reported(study)
    trials = store.trials_frame(folder)
    assert "test/accuracy" not in trials or trials["test/accuracy"].isna().all()
    searched = trials[trials["kind"] == store.Kind.SEARCH]
    replicates = trials[trials["kind"] == store.Kind.REPLICATE]
    assert (replicates["test/loss"] > 0).all()
    for arm, rows in searched.groupby("arm"):
        chosen = replicates.loc[replicates["arm"] == arm, "train.learning_rate"].unique()
        best = rows.loc[rows["val/loss"].astype(float).idxmin(), "train.learning_rate"]
        assert list(chosen) == [best]
    main = pd.read_csv(folder / "report" / "tables" / "main.csv").set_index("arm")
    assert list(main["n"]) == [2, 2]
    assert "test loss" in (folder / "report" / "index.html").read_text()


def test_a_factorial_of_three_levels_two_levels_and_a_baseline(
    without_ray: Study, study_tree: Tree
) -> None:
    study_tree |= {"tune": "none", "overrides": {"train.epochs": 1}}
    del study_tree["parameters"], study_tree["search"]
    study_tree["ablation"] = {
        "design": "factorial",
        "factors": {
            "tau": {"slow": {"neuron.tau": 8.0}, "fast": {"neuron.tau": 1.2}},
            "surrogate": {"triangle": {"neuron.surrogate": "triangle"}},
        },
        "cross": "bn",
    }
    study = without_ray(study_tree)
    study.fit = eisnn.fit
    folder = reported(study)
    trials = store.trials_frame(folder)
    assert len(trials) == 3 * 2 * 2 * 2  # levels of tau and surrogate, networks, seeds
    effects = pd.read_csv(folder / "report" / "tables" / "interactions.csv")
    # tau slow, tau fast, surrogate, network; five pairs of them; two of three.
    assert len(effects) == 4 + 5 + 2
    assert effects["mean"].notna().all()

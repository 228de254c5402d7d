"""Our fANOVA beside Optuna's, which is too slow for bootstraps and permutations."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator

from reports.analysis import importance
from reports.analysis.collect import read_study
from reports.analysis.importance import missing
from tests.reports.searches import searched_study
from tests.reports.synthetic import PARAMETERS, arm, search, write_study

SPACE = {
    "rate": FloatDistribution(-3, -1),
    "gain": FloatDistribution(-1, 1),
    "ratio": IntDistribution(0, 2),
    "exponent": FloatDistribution(0, 1.5),
}


@pytest.mark.parametrize("seed", [0, 1])
def test_shares_are_optunas(seed):
    """Of a sum whose terms have the variances 1, 0.36 and 0.09; the exponent does not matter.

    Both rank them so, and no share of the explained variance differs by more than 0.1.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(60):
        rows.append(
            {
                "rate": rng.uniform(-3, -1),
                "gain": rng.uniform(-1, 1),
                "ratio": int(rng.integers(0, 3)),
                "exponent": rng.uniform(0, 1.5),
            }
        )
    x = np.array([list(row.values()) for row in rows])
    terms = x[:, :3] / [np.sqrt(4 / 12), np.sqrt(4 / 12), np.sqrt(2 / 3)]  # of variance 1 each
    y = terms @ [1.0, 0.6, 0.3] + rng.normal(0, 0.05, len(x))
    study = optuna.create_study(direction="maximize")
    for row, value in zip(rows, y, strict=True):
        study.add_trial(
            optuna.trial.create_trial(params=row, distributions=SPACE, value=float(value))
        )

    ours = importance.shares(x, y, seed=0)
    found = FanovaImportanceEvaluator(seed=0).evaluate(study)
    theirs = np.array([found[name] for name in SPACE])
    assert np.argsort(-ours).tolist() == np.argsort(-theirs).tolist() == [0, 1, 2, 3]
    assert ours / ours.sum() == pytest.approx(theirs / theirs.sum(), abs=0.1)


def test_importance_finds_the_parameter_that_matters(tmp_path):
    first, *others = importance.importances(searched_study(tmp_path), "full")
    assert first.parameter == "train.learning_rate"
    assert all(record.share < first.share for record in others)


def test_importance_is_set_against_chance(tmp_path):
    records = importance.importances(searched_study(tmp_path), "full")
    first, *others = records
    assert first.parameter == "train.learning_rate"
    assert first.low < first.share < first.high + 0.5
    assert first.stands_out
    assert not any(record.stands_out for record in others)


def test_what_importance_cannot_say(tmp_path):
    rows = [search("full", k, 0.5 + 0.01 * k, **{"train.learning_rate": 0.01}) for k in range(19)]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference")], parameters=PARAMETERS)
    )
    assert importance.importances(study, "full") == []
    assert missing(study, "full") == "full: 19 completed trials, importance needs 20"
    assert missing(searched_study(tmp_path), "full") == ""


def test_importance_needs_trials_and_a_difference(tmp_path):
    rows = [
        search("full", k, 0.5 + 0.1 * k, **{"train.learning_rate": 0.01 * (k + 1)})
        for k in range(4)
    ]
    study = read_study(
        write_study(tmp_path / "s", rows, [arm("full", "reference")], parameters=PARAMETERS)
    )
    assert importance.importances(study, "full") == []

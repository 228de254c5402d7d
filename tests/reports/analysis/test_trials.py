"""Search trials, and what they were judged by."""

import math

import pytest

from reports.analysis.collect import read_study
from reports.analysis.trials import noise, objective, trials_of
from tests.reports.searches import searched_study
from tests.reports.synthetic import arm, replicate, write_study


def test_what_a_trials_budget_bought(tmp_path):
    """Pruned trials enter at their last value, failed ones at chance."""
    rows = trials_of(searched_study(tmp_path, classes=10), "full")
    assert rows["reached"].tolist()[-2:] == [0.1, 0.99]
    assert rows["value"].isna().tolist()[-2:] == [True, True]
    unknown = trials_of(searched_study(tmp_path / "t"), "full")
    assert math.isnan(unknown["reached"].iloc[-2])


def test_the_noise_is_that_of_replicates(tmp_path):
    rows = [replicate("full", k, value) for k, value in enumerate([0.90, 0.92])]
    study = read_study(write_study(tmp_path / "s", rows, [arm("full", "reference")]))
    assert noise(study) == pytest.approx(math.sqrt(2) * 0.02 / math.sqrt(2))


def test_pruned_and_failed_trials_use_budget_and_give_nothing(tmp_path):
    values = trials_of(searched_study(tmp_path), "full")["value"]
    assert len(values) == 32  # the running one is not finished
    assert values.isna().sum() == 2
    assert values.max() == pytest.approx(0.95)


def test_a_search_is_never_judged_on_test_data(tmp_path):
    with pytest.raises(ValueError, match="validation data only"):
        objective(searched_study(tmp_path, metric={"name": "test/accuracy", "mode": "max"}))

"""What a search chose, and what held of what it promised."""

import pytest

from reports.analysis.collect import read_study
from reports.analysis.importance import importances
from reports.analysis.trials import trials_of
from reports.analysis.tuned import edge, overtuning, tuned_values
from tests.reports.searches import searched_study
from tests.reports.synthetic import PARAMETERS, arm, search, write_study


def test_every_searched_parameter_is_listed(tmp_path):
    """Also where all completed trials agree, as where there is only one."""
    rows = [search("full", 0, 0.9, **{"train.learning_rate": 0.01, "circuit.ei_ratio": 4})]
    rows += [search("full", 1, None, **{"train.learning_rate": 0.1, "circuit.ei_ratio": 8})]
    wanted = ["train.learning_rate", "circuit.ei_ratio"]
    arms = [arm("full", "reference", searched=wanted)]
    study = read_study(write_study(tmp_path / "s", rows, arms, parameters=PARAMETERS))
    assert [record.parameter for record in tuned_values(study, "full")] == wanted


def test_tuned_values(tmp_path):
    records = {
        record.parameter: record for record in tuned_values(searched_study(tmp_path), "full")
    }
    assert records["circuit.init.gain"].at_edge == "high"
    rate = records["train.learning_rate"]
    assert (rate.chosen, rate.at_edge, rate.trials) == (0.01, "", 8)
    assert 0.004 < rate.low <= 0.01 <= rate.high < 0.03


def test_edges_are_judged_on_the_parameters_own_scale():
    log = {"low": 1e-3, "high": 1e-1, "log": True}
    assert edge(0.00105, log) == "low"
    assert edge(0.0015, log) == ""
    assert edge(0.0015, {"low": 1e-3, "high": 1e-1}) == "low"


def test_overtuning(tmp_path):
    record = overtuning(searched_study(tmp_path), "full")
    assert record.searched == pytest.approx(0.95)
    assert (record.validation, record.test, record.n) == (
        pytest.approx(0.93),
        pytest.approx(0.92),
        2,
    )


def test_test_metrics_of_search_trials_change_nothing(tmp_path):
    """Even if a foreign trials.csv had them.

    The search's records and the chosen values stay the same.
    """
    study = searched_study(tmp_path)
    before = (
        tuned_values(study, "full"),
        importances(study, "full"),
        overtuning(study, "full"),
    )
    study.trials.loc[study.trials["kind"] == "search", ["test/accuracy", "test/accuracy_best"]] = (
        1.0
    )
    assert before == (
        tuned_values(study, "full"),
        importances(study, "full"),
        overtuning(study, "full"),
    )


def test_a_search_for_a_low_loss(tmp_path):
    study = searched_study(tmp_path, metric={"name": "val/loss", "mode": "min"})
    record = overtuning(study, "full")
    assert record.searched == pytest.approx(trials_of(study, "full")["value"].min())
    assert record.test == pytest.approx(0.5)

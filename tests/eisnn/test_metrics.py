"""One table of metrics: its names are unique, its order is that of the columns, users' metrics
follow."""

from __future__ import annotations

import pytest

from eisnn.metrics import EPOCH_METRICS, METRICS, TRIAL_METRICS, Metric, metric, seconds_per_epoch
from study import store


def test_the_columns_of_earlier_studies_are_those_of_the_table():
    assert TRIAL_METRICS == store.TRIAL_METRICS
    assert EPOCH_METRICS == store.EPOCH_METRICS
    assert set(EPOCH_METRICS) == {row.name for row in METRICS.values() if row.each_epoch}


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("test/accuracy", "higher"),
        ("val/accuracy_best", "higher"),
        ("val/loss", "lower"),
        ("energy_nj", "lower"),
        ("firing_rate", None),
    ],
)
def test_directions(name, better):
    assert metric(name).better == better


def test_a_metric_of_the_users_is_known_on_each_split_and_at_the_best_epoch():
    error = Metric("error", "mean error", "mV", better="lower")
    measured = metric("test/error_best", [error])
    assert measured.axis == "test mean error at the best validation epoch (mV)"
    assert (measured.better, measured.scope) == ("lower", "trial")
    assert metric("val/error", [error]).scope == "both"
    assert metric("val/f1").better == "higher"
    assert metric("test/loss_best").better == "lower"


def test_seconds_per_epoch_is_the_median():
    assert seconds_per_epoch([9.0, 1.0, 2.0]) == 2.0
    assert seconds_per_epoch([3.0, 1.0]) == 3.0

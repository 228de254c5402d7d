"""Metrics besides loss and accuracy."""

from __future__ import annotations

import pytest

from eisnn.training.fit import fit
from tests.eisnn.training.runs import comparable, tiny


def test_metrics_of_the_users_are_measured_on_validation_and_test_data(own_module):
    own_module(
        "metrics_of_session",
        "def error(model, logits, labels):\n"
        "    assert not model.training\n"
        "    return (logits.argmax(1) != labels).double().mean()\n"
        "def nothing(model, logits, labels):\n    return None\n",
    )
    seen: list[dict[str, float]] = []
    asked = {"top5": "top5_accuracy", "error": "metrics_of_session:error"}
    final = fit(tiny(), report=seen.append, test=True, metrics=asked)
    assert all(row["val/error"] == pytest.approx(1 - row["val/accuracy"]) for row in seen)
    assert final["test/error"] == pytest.approx(1 - final["test/accuracy"])
    assert final["test/error_best"] == pytest.approx(1 - final["test/accuracy_best"])
    assert final["test/accuracy"] <= final["test/top5"] <= 1
    plain = fit(tiny(), test=True)
    assert {name: final[name] for name in comparable(plain)} == comparable(plain)
    with pytest.raises(
        ValueError, match=r"metrics\.n: metrics_of_session:nothing: must return a number"
    ):
        fit(tiny(), metrics={"n": "metrics_of_session:nothing"})
    with pytest.raises(
        ValueError, match=r"metrics\.n: must be top5_accuracy, .* or your own module:attribute"
    ):
        fit(tiny(), metrics={"n": "top5"})

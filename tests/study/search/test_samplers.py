"""Optuna's samplers, one of each draw."""

from __future__ import annotations

from typing import Any

import pytest

from tests.study.search.asked import run

Tree = dict[str, Any]


def test_cma_es_learns_and_goes_on_after_a_kill(searches: Any, study_tree: Tree) -> None:
    pytest.importorskip("cmaes")
    study_tree["search"] = {"trials": 14, "sampler": "cmaes", "startup": 2}
    study_tree["parameters"] = {
        "train.learning_rate": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
        "train.momentum": {"type": "float", "low": 0.0, "high": 0.9},
    }
    found = run(searches(study_tree)["bn", 0], 9)
    search = searches(study_tree)["bn", 0]  # as after a kill
    assert [trial.id for trial in search.load()] == [trial.id for trial in found]
    found += run(search, 5)
    assert len({trial.id for trial in found}) == 14
    attributes = [set(trial.system_attrs) for trial in search.optuna.get_trials()]
    for number in (8, 13):  # one before the kill and one after: it is CMA-ES that drew them
        assert any(name.startswith("cma:") for name in attributes[number])

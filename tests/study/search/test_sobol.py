"""Points of a Sobol sequence, the same for every arm."""

from __future__ import annotations

import math
from typing import Any

import pytest

from study.search.sobol import at
from study.spec.distributions import distribution
from study.spec.parameter import Parameter
from tests.study.search.asked import run

Tree = dict[str, Any]


def test_a_sobol_search_covers_and_shares_its_points(searches: Any, study_tree: Tree) -> None:
    study_tree["search"] = {"trials": 8, "sampler": "qmc"}
    opened = searches(study_tree)
    found = {name: run(opened[name, 0], 8) for name in ("full", "bn")}
    path = "train.learning_rate"
    rates = [trial.parameters[path] for trial in found["full"]]
    assert rates == [trial.parameters[path] for trial in found["bn"]]
    # Of 8 points of a Sobol sequence, each eighth of the range has one: low 1e-3, high 1e-1.
    assert sorted(int(8 * math.log(rate / 1e-3) / math.log(100)) for rate in rates) == [*range(8)]


@pytest.mark.parametrize(
    ("space", "share", "value"),
    [
        (Parameter(type="categorical", choices=["a", "b"]), 0.6, "b"),
        (Parameter(type="int", low=2, high=5), 0.99, 5),
        (Parameter(type="int", low=2, high=5), 0.0, 2),
        (Parameter(type="int", low=1, high=100, log=True), 0.999, 100),
        (Parameter(type="float", low=1e-3, high=1e-1, log=True), 0.5, 1e-2),
        (Parameter(type="float", low=0.0, high=2.0), 0.25, 0.5),
        (Parameter(type="float", low=0.0, high=0.3, step=0.1), 0.5, 0.2),
    ],
)
def test_the_value_at_a_share_of_a_range(space: Parameter, share: float, value: Any) -> None:
    expected = value if isinstance(value, str) else pytest.approx(value)
    assert at(distribution(space), share) == expected

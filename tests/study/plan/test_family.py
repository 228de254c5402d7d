"""The comparisons that a plan names, and its looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from study.plan.family import comparisons, looks

Tree = dict[str, Any]


def test_looks_are_planned() -> None:
    assert looks(5, 20) == [5, 10, 15, 20]
    assert looks(5, 18) == [5, 10, 15, 18]
    assert looks(5, 5) == [5]
    assert looks(0, 3) == []


def test_every_pair_is_compared_once(plan_of: Callable[[Tree], Any], study_tree: Tree) -> None:
    study_tree["report"] = {"baseline": "bn", "pairs": [["bn", "full"]]}
    found = comparisons(plan_of(study_tree))
    assert found == [
        ("no_straight_through", "full"),
        ("bn", "full"),
        ("no_straight_through", "bn"),
    ]

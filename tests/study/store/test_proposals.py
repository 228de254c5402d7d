"""Configurations that were trained from several seeds, taken together: by hand."""

from __future__ import annotations

from typing import Any

import pytest

from study.store.proposals import by_proposal, means, spared


def row(number: int, index: int, state: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "arm": "full",
        "kind": "search",
        "repeat": 0,
        "number": number,
        "seed_index": index,
        "state": state,
        "reason": None,
        **more,
    }


def test_a_mean_is_of_what_all_have_measured() -> None:
    measured = [{"val/accuracy": 0.5, "macs": 10.0, "id": 1}, {"val/accuracy": 0.25, "macs": ""}]
    assert means(measured) == {"val/accuracy": 0.375}


def test_a_configuration_has_the_mean_of_its_seeds() -> None:
    rows = [
        row(0, 1, **{"val/accuracy": 0.75}),
        row(0, 0, **{"val/accuracy": 0.25}),
        row(1, 0, **{"val/accuracy": 1.0}),
    ]
    found = by_proposal(rows, seeds=2)
    assert [(one["number"], one["state"], one["val/accuracy"]) for one in found] == [
        (0, "completed", 0.5),
        (1, "pruned", 1.0),  # it has one seed of two: it was stopped
    ]
    assert by_proposal(rows, seeds=1) == rows  # each row is a configuration then


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["completed", "completed", "completed"], "completed"),
        (["completed", "completed", "diverged"], "diverged"),
        (["completed", "running"], "running"),
        (["completed", "pruned"], "pruned"),
    ],
)
def test_a_configuration_is_as_well_as_its_worst_seed(states: list[str], state: str) -> None:
    rows = [row(0, index, each) for index, each in enumerate(states)]
    assert by_proposal(rows, seeds=3)[0]["state"] == state


def test_seeds_that_are_not_needed_are_spared() -> None:
    """Of five seeds: one stopped after two, one failed at the first, one still at work."""
    rows = [
        row(0, 0),
        row(0, 1, reason="stopped after 2 of 5 seeds"),
        row(1, 0, "failed", reason="KeyError"),
        row(2, 0),
    ]
    assert spared(rows, seeds=5) == {"full": 3 + 4}
    assert spared(rows, seeds=1) == {}

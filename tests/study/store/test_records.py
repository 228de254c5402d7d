"""Records survive their JSON, and damaged ones are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from study.store.records import Key, Kind, Order, Outcome, Role, State

ROLE = Role("full", Kind.SEARCH, 3, 1, {"train.learning_rate": 0.1})


def test_every_state_is_final_or_not() -> None:
    assert [state for state in State if not state.is_final] == ["planned", "running", "interrupted"]
    assert [state for state in State if state.is_open] == ["running", "interrupted"]
    assert [state for state in State if state.is_unwell] == ["diverged", "out_of_memory", "failed"]
    assert [state for state in State if state.is_chance] == ["diverged", "out_of_memory"]


@pytest.mark.parametrize(
    "record",
    [
        ROLE,
        Outcome("a", State.PRUNED, roles=(ROLE,), metrics={"val/loss": 0.5}, damaged=("x",)),
        Order("a", {"seed": 1}, role=ROLE, folders=("here",), gpu=0.5, metrics={"f1": "m:f"}),
        Order("a", {}),
    ],
)
def test_a_record_survives_its_json(record: Any) -> None:
    again = type(record).from_json(json.loads(json.dumps(record.to_json())))
    assert again == record


def test_a_role_of_an_earlier_version_is_of_the_first_repeat() -> None:
    record = {"arm": "bn", "kind": "replicate", "number": 2, "parameters": {}}
    assert Role.from_json(record).key == Key("bn", Kind.REPLICATE, 0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "fine"}, "a trial's state must be one of planned, running"),
        ({"metrics": {"val/loss": "low"}}, "metrics must be numbers"),
        ({"roles": [{"arm": "full"}]}, "kind is missing"),
        ({"epochs": None}, "epochs is missing or of another type"),
    ],
)
def test_a_damaged_record_is_refused(change: dict[str, Any], message: str) -> None:
    record = {**Outcome("a", State.COMPLETED).to_json(), **change}
    with pytest.raises(ValueError, match=message):
        Outcome.from_json(record)


def test_lengths_and_titles_read_as_words() -> None:
    lengths = [Outcome("a", State.COMPLETED, epochs=epochs).length for epochs in (0, 1, 2)]
    assert lengths == ["0 epochs", "1 epoch", "2 epochs"]
    assert Role("bn", Kind.SEARCH, 3).title == "bn search 3"
    assert Role("bn", Kind.SEARCH, 3, repeat=2, seed_index=1).title == "bn search 3.1 of repeat 2"

"""What a study ran on, and which code trains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from study.worker import environment, trial


def test_a_worker_with_other_code_refuses_and_is_asked_again(
    world: Any, study_tree: dict[str, Any], fit: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("eisnn.fit", fit)
    played = world(study_tree)
    agenda = played.open()
    order = agenda.order(agenda.next())
    state = trial.run(replace(order, code="00000000"), lambda row: None)
    assert (state.state, state.cause, state.again) == ("failed", "system", True)
    assert (
        f"holds other code ({environment.code_key()}) than the machine of the command (00000000)"
        in state.reason
    )
    assert (
        trial.run(replace(order, code=environment.code_key()), lambda row: None).state
        == "completed"
    )

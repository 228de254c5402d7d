"""Which configuration an arm's replicates train."""

from __future__ import annotations

from collections import Counter
from typing import Any

Tree = dict[str, Any]


def test_an_arms_configuration_keeps_the_constraints(world: Any, study_tree: Tree) -> None:
    """The stand-in's energies lie anywhere between 0 and 100."""
    study_tree["search"] = {"trials": 6, "constraints": {"energy_nj": {"max": 50}}}
    study_tree["baselines"], study_tree["ablation"] = {}, {}
    rows = world(study_tree).play().tables.rows
    searched = [row for key, row in rows.items() if key[1] == "search"]
    kept = [row for row in searched if row["energy_nj"] <= 50]
    assert 0 < len(kept) < 6
    best = max(kept, key=lambda row: row["val/accuracy"])
    replicate = next(row for key, row in rows.items() if key[1] == "replicate")
    assert replicate["circuit.init.gain"] == best["circuit.init.gain"]


def test_tune_reference_hands_the_chosen_values_to_every_arm(world: Any, study_tree: Tree) -> None:
    study_tree["tune"] = "reference"
    agenda = world(study_tree).play()
    values = {arm: proposal.parameters for (arm, _), proposal in agenda.chosen.items()}
    assert values["no_straight_through"] == values["full"]
    assert values["bn"] == {"train.learning_rate": values["full"]["train.learning_rate"]}
    assert Counter(key[:2] for key in agenda.tables.rows)[("full", "search")] == 2

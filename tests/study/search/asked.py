"""Searches that are asked for trials and told their ends, without training; what Optuna keeps."""

from __future__ import annotations

from typing import Any

import optuna

from study.search.arm_search import ArmSearch
from study.search.proposal import Proposal

Tree = dict[str, Any]


def run(search: ArmSearch, number: int) -> list[Proposal]:
    """Asks for so many trials, each of which ends with a value that its first parameter gives."""
    found = []
    for _ in range(number):
        proposal = search.ask()
        if proposal is None:
            break
        found.append(proposal)
        value = float(next(v for v in proposal.parameters.values() if not isinstance(v, list)))
        search.tell(proposal.number, "completed", {"val/accuracy": 1 / (1 + value)}, None)
    return found


def finite(tree: Tree, choices: list[Any], trials: int, **search: Any) -> Tree:
    space = {"circuit.ei_ratio": {"type": "categorical", "choices": choices}}
    return {
        **tree,
        "parameters": space,
        "search": {"trials": trials, **search},
        "ablation": {},
        "baselines": {},
    }


def studies_of(world: Any) -> list[optuna.Study]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{world.folder}/optuna.db")
    return [
        optuna.load_study(study_name=summary.study_name, storage=storage)
        for summary in storage.get_all_studies()
    ]

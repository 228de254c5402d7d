"""What Optuna holds of a played study, and training that fails."""

from __future__ import annotations

from collections import Counter
from typing import Any

import optuna


def optuna_states(world: Any) -> Counter[str]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{world.folder}/optuna.db")
    studies = storage.get_all_studies()
    return Counter(
        t.state.name for study in studies for t in storage.get_all_trials(study._study_id)
    )


def failing(fit: Any, error: Exception, arm_norm: str = "bn") -> Any:
    """Training in which the networks of one norm end with an error."""

    def fit_or_fail(config: Any, **options: Any) -> dict[str, float]:
        if config.model.norm == arm_norm:
            raise error
        return fit(config, **options)

    return fit_or_fail

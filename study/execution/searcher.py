"""Tune's searcher: asks the agenda what to train next."""

from __future__ import annotations

from typing import Any

from ray.tune.search import Searcher

from study.execution.tune_jobs import TuneJobs


class AgendaSearcher(Searcher):
    """Passes on the agenda's jobs. The agenda does all bookkeeping; Tune keeps no state of ours."""

    def __init__(self, jobs: TuneJobs) -> None:
        super().__init__()
        self.jobs = jobs

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        return True

    def suggest(self, trial_id: str) -> Any:
        config = self.jobs.guard(lambda: self.jobs.suggest(trial_id))
        return Searcher.FINISHED if config is False else config

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        self.jobs.guard(lambda: self.jobs.end(trial_id, result))

    def save(self, checkpoint_path: str) -> None: ...

    def restore(self, checkpoint_path: str) -> None: ...

    def save_to_dir(self, *_: Any, **__: Any) -> None: ...

    def get_state(self) -> dict[str, Any]:
        return {}
